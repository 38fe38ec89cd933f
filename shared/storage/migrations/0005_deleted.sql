-- What carries \Deleted is found without reading the mailbox: EXPUNGE asks for it.
CREATE INDEX message_deleted ON chatmail.message (mailbox_id, uid) WHERE flags & 8 <> 0;
