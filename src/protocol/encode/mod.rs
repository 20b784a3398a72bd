//! Values to octets: responses and what they consist of.
//!
//! ```text
//! status_response ──> response_code ──┐
//! server_data ────────────────────────┤
//! mailbox_data ───────────────────────┼──> encoder: strings, numbers, flags, dates
//! message_data ───────────────────────┤
//! search_data ────────────────────────┘    thread_list: the threads of THREAD
//! ```
//!
//! Each file but `encoder` and `thread_list` adds one kind of responses to the [`Encoder`]. Their
//! methods write whole lines, except those named `begin_...`, after which [`Encoder::end_line`] or
//! [`Encoder::end_message_data`] ends the line. Neither a text nor a name can break out of its
//! line.

mod encoder;
mod mailbox_data;
mod message_data;
mod response_code;
mod search_data;
mod server_data;
mod status_response;
mod thread_list;

#[cfg(test)]
mod testing;

pub(crate) use self::encoder::Encoder;
pub(crate) use self::response_code::Code;
pub(crate) use self::status_response::Status;
pub(crate) use self::thread_list::ThreadList;
