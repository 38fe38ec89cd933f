-- A role per service: EXECUTE on the functions it needs, SELECT on what it must read, and nothing else.
-- Run by every migration; a test logs in as each role and tries what it must not do.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA chatmail FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA chatmail FROM PUBLIC, smtp_in, submission, imap, queue_worker, register, operator;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chatmail FROM PUBLIC, smtp_in, submission, imap, queue_worker, register, operator;
GRANT USAGE ON SCHEMA chatmail TO smtp_in, submission, imap, queue_worker, register, operator;
GRANT SELECT ON chatmail.migration TO smtp_in, submission, imap, queue_worker, register, operator;

-- Logging in, and being born by it.
GRANT SELECT ON chatmail.account, chatmail.barred, chatmail.last_login TO submission, imap;
GRANT EXECUTE ON FUNCTION chatmail.admit, chatmail.saw_logins, chatmail.registration TO submission, imap;
GRANT SELECT (login_key) ON chatmail.suite TO submission, imap;

-- TLS.
GRANT SELECT (certificate, certificate_key) ON chatmail.suite TO smtp_in, submission, imap, register;

-- Recipients: does the address exist, has it room.
GRANT SELECT (id, address, quota) ON chatmail.account TO smtp_in;
GRANT SELECT ON chatmail.barred TO smtp_in;
GRANT SELECT ON chatmail.mailbox TO smtp_in, submission;
GRANT EXECUTE ON FUNCTION chatmail.deliver TO submission;

-- Reading mail is imap's alone.
GRANT SELECT ON chatmail.mailbox, chatmail.message, chatmail.body, chatmail.mailbox_change TO imap;
GRANT EXECUTE ON FUNCTION chatmail.store_flags, chatmail.expunge, chatmail.saw_mailboxes TO imap;

GRANT EXECUTE ON FUNCTION chatmail.expire, chatmail.trim_account, chatmail.nearly_full, chatmail.expire_accounts,
    chatmail.free_orphans TO queue_worker;

GRANT EXECUTE ON FUNCTION chatmail.create_with_token, chatmail.registration TO register;

-- The operator manages accounts and counts; mail stays closed to the command, too.
GRANT SELECT (id, address, quota, born) ON chatmail.account TO operator;
GRANT SELECT ON chatmail.barred, chatmail.last_login, chatmail.token, chatmail.mailbox TO operator;
GRANT EXECUTE ON FUNCTION chatmail.registration, chatmail.operator_create_account, chatmail.operator_set_password,
    chatmail.operator_delete_account, chatmail.operator_ban, chatmail.operator_unban,
    chatmail.operator_set_registration, chatmail.operator_create_token, chatmail.operator_delete_token TO operator;
