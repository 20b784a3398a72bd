//! Logins: from the request of a session to the answer that it gets.

mod attempt;
mod logins;
mod throttle;

pub(crate) use self::logins::Logins;

#[cfg(test)]
mod tests;
