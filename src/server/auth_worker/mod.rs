//! Checking passwords away from the event loop.

mod checkpassword;
mod client;
mod packet;
mod process;
mod settings;
mod worker;

pub(crate) use self::client::{Answer, AuthWorker, News, Question, Serial};
pub(crate) use self::process::run_if_asked;
