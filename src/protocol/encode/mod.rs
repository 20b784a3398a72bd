//! Values to octets: responses and what they are made of.

mod encoder;
mod response;
mod thread_list;

pub(crate) use self::encoder::Encoder;
pub(crate) use self::response::{Code, Status};
pub(crate) use self::thread_list::ThreadList;
