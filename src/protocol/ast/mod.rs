//! The nouns of the protocol: commands and what their arguments are made of.

mod command;

pub(crate) use self::command::{
    AuthenticateArguments, Command, CopyArguments, CreateArguments, FetchArguments, FindArguments,
    PartialArguments, RenameArguments, SearchArguments, Secret, SelectArguments, SortArguments,
    StatusArguments, StoreArguments, SubscribeArguments, ThreadArguments,
};
