//! Logins: from the request of a session to the verdict that it gets.
//!
//! An attempt to log in goes through three stages. It *waits*, for as long as the failed logins of
//! its user name and its network demand (`login_counts`); it is *checked* by the [auth
//! worker](super::auth_worker); its verdict goes to the connection that it came from, if that still
//! exists. The first two take their time and hold up nothing else. Each attempt has a serial
//! number, so that no verdict reaches another attempt, however late it comes; and each leaves one
//! line in the log, also if the client does not wait for the verdict:
//!
//! ```text
//! login granted: address=192.0.2.1 method=PLAIN user="ann"
//! login failed: address=192.0.2.1 method=LOGIN user="ann\" address=192.0.2.2"
//! ```
//!
//! Programs such as fail2ban parse these two lines, and the manual promises that their form does
//! not change. The user name, which the client chooses, comes last and is quoted, with `\` before
//! what could end it. Where there is no address, `-` stands for it.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `logins` | [`Logins`]: all attempts, the rules of who may log in, the way to the account |
//! | `attempt`, `origin` | one attempt with its name in the log; what it counts for |
//! | `waiting` | the attempts that may not start yet |
//! | `throttle` | when they may, by the counts of this process or by shared ones |
//! | `login_counts` | failed logins by network and name, and the delays that follow |
//! | `count_table` | the counts of many keys, in bounded memory |
//! | `known_names` | the networks from which users have logged in lately, in bounded memory |
//! | `counts_file`, `counts_format` | the file by which several processes count together |
//! | `user_slots` | the connections of a user over several processes |
//! | `runtime_directory` | the directory that they share |

mod attempt;
mod count_table;
mod counts_file;
mod counts_format;
mod known_names;
mod login_counts;
mod logins;
mod origin;
mod runtime_directory;
mod throttle;
mod user_slots;
mod waiting;

pub(crate) use self::logins::{Decision, Logins};

#[cfg(test)]
mod tests;
