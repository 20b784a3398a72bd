//! uidvalidity
