//! Every method of Slack's that Blocks calls, with the scope that it needs: what is not listed here cannot be called.
//!
//! Source: the pages of the methods at docs.slack.dev (scopes of a bot token, and tiers; November 2026).

use std::fmt;

use crate::manifest::Tier;

/// A method of the Web API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    AuthTest,
    OpenConnection,
    PostMessage,
    UpdateMessage,
    History,
    Replies,
    CreateChannel,
    SetPurpose,
    SetTopic,
    ListBookmarks,
    AddBookmark,
    ListChannels,
    Invite,
    GetUploadUrl,
    CompleteUpload,
    PostEphemeral,
    Permalink,
    OpenView,
    GroupMembers,
}

impl Method {
    /// All of them.
    pub(crate) const ALL: [Method; 19] = [
        Method::AuthTest,
        Method::OpenConnection,
        Method::PostMessage,
        Method::UpdateMessage,
        Method::History,
        Method::Replies,
        Method::CreateChannel,
        Method::SetPurpose,
        Method::SetTopic,
        Method::ListBookmarks,
        Method::AddBookmark,
        Method::ListChannels,
        Method::Invite,
        Method::GetUploadUrl,
        Method::CompleteUpload,
        Method::PostEphemeral,
        Method::Permalink,
        Method::OpenView,
        Method::GroupMembers,
    ];

    /// As it stands in the address.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::AuthTest => "auth.test",
            Method::OpenConnection => "apps.connections.open",
            Method::PostMessage => "chat.postMessage",
            Method::UpdateMessage => "chat.update",
            Method::History => "conversations.history",
            Method::Replies => "conversations.replies",
            Method::CreateChannel => "conversations.create",
            Method::SetPurpose => "conversations.setPurpose",
            Method::SetTopic => "conversations.setTopic",
            Method::ListBookmarks => "bookmarks.list",
            Method::AddBookmark => "bookmarks.add",
            Method::ListChannels => "conversations.list",
            Method::Invite => "conversations.invite",
            Method::GetUploadUrl => "files.getUploadURLExternal",
            Method::CompleteUpload => "files.completeUploadExternal",
            Method::PostEphemeral => "chat.postEphemeral",
            Method::Permalink => "chat.getPermalink",
            Method::OpenView => "views.open",
            Method::GroupMembers => "usergroups.users.list",
        }
    }

    /// How many calls of it Slack takes in a minute from one workspace: its tier. None where Slack has another rule: it takes
    /// messages by the channel, and of the others more than anybody makes.
    pub(crate) fn per_minute(self) -> Option<usize> {
        match self {
            Method::AuthTest | Method::OpenConnection | Method::PostMessage | Method::Permalink => None,
            Method::CreateChannel
            | Method::SetPurpose
            | Method::SetTopic
            | Method::AddBookmark
            | Method::GroupMembers
            | Method::ListChannels => Some(20),
            Method::UpdateMessage
            | Method::History
            | Method::Replies
            | Method::ListBookmarks
            | Method::Invite => Some(50),
            Method::GetUploadUrl | Method::CompleteUpload | Method::PostEphemeral | Method::OpenView => {
                Some(100)
            }
        }
    }

    /// The bot's scopes that it needs in public channels and in the private ones that it opened, and the tier that it belongs to; none where every token will do, or where the app's own token
    /// is asked for.
    pub(crate) fn scopes(self) -> Option<(Tier, &'static [&'static str])> {
        Some(match self {
            Method::AuthTest | Method::OpenConnection | Method::Permalink | Method::OpenView => return None,
            // The second for channels that the bot is not in.
            Method::PostMessage => (Tier::Read, &["chat:write", "chat:write.public"]),
            Method::UpdateMessage | Method::PostEphemeral => (Tier::Read, &["chat:write"]),
            Method::History | Method::Replies => (Tier::Respond, &["channels:history", "groups:history"]),
            Method::CreateChannel | Method::SetPurpose | Method::SetTopic | Method::Invite => {
                (Tier::Respond, &["channels:manage", "groups:write"])
            }
            Method::ListBookmarks => (Tier::Respond, &["bookmarks:read"]),
            Method::AddBookmark => (Tier::Respond, &["bookmarks:write"]),
            Method::ListChannels => (Tier::Respond, &["channels:read", "groups:read"]),
            Method::GroupMembers => (Tier::Respond, &["usergroups:read"]),
            Method::GetUploadUrl | Method::CompleteUpload => (Tier::Full, &["files:write"]),
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
