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
GRANT SELECT (id, chain, private_key, not_after) ON chatmail.acme_certificate TO smtp_in, submission, imap, register;
GRANT EXECUTE ON FUNCTION chatmail.acme_answers TO register;
GRANT SELECT (id, names, not_before, not_after, directory) ON chatmail.acme_certificate TO queue_worker;
GRANT SELECT ON chatmail.acme_state TO queue_worker, operator;
GRANT EXECUTE ON FUNCTION chatmail.acme_begin, chatmail.acme_stay, chatmail.acme_key, chatmail.acme_offer,
    chatmail.acme_issued, chatmail.acme_failed TO queue_worker;
GRANT SELECT (certificate) ON chatmail.suite TO operator;
GRANT SELECT (names, not_before, not_after, directory, issued) ON chatmail.acme_certificate TO operator;
GRANT EXECUTE ON FUNCTION chatmail.operator_renew_certificate TO operator;

-- Recipients: does the address exist, has it room.
GRANT SELECT (id, address, quota) ON chatmail.account TO smtp_in;
GRANT SELECT ON chatmail.barred TO smtp_in;
GRANT SELECT ON chatmail.mailbox, chatmail.alias TO smtp_in, submission;
GRANT SELECT (domain, may_pass) ON chatmail.federation TO smtp_in, submission;
GRANT EXECUTE ON FUNCTION chatmail.accept TO smtp_in, submission;
GRANT EXECUTE ON FUNCTION chatmail.deliver TO submission;

-- Reading mail is imap's alone.
GRANT SELECT ON chatmail.mailbox, chatmail.message, chatmail.body, chatmail.mailbox_change, chatmail.subscription TO imap;
GRANT EXECUTE ON FUNCTION chatmail.change_flags, chatmail.mark, chatmail.store_flags, chatmail.expunge, chatmail.saw_mailboxes TO imap;
GRANT EXECUTE ON FUNCTION chatmail.create_mailbox, chatmail.delete_mailbox, chatmail.rename_mailbox, chatmail.subscribe,
    chatmail.unsubscribe, chatmail.add_keywords, chatmail.copy_messages, chatmail.append_messages TO imap;

GRANT EXECUTE ON FUNCTION chatmail.expire, chatmail.trim_account, chatmail.nearly_full, chatmail.expire_accounts,
    chatmail.free_orphans TO queue_worker;

-- The outbox, of which the worker may count the rows. Signing keys are the worker's alone.
GRANT SELECT (id) ON chatmail.outbox TO queue_worker;
GRANT SELECT (id, accepted) ON chatmail.outbox_message TO queue_worker;
GRANT SELECT ON chatmail.dkim_key, chatmail.sts_policy TO queue_worker;
GRANT EXECUTE ON FUNCTION chatmail.worker_join, chatmail.worker_stay, chatmail.worker_leave, chatmail.lease,
    chatmail.claim, chatmail.claimed_body, chatmail.sign, chatmail.settle, chatmail.release, chatmail.claim_expired,
    chatmail.late, chatmail.warn, chatmail.put_sts_policy, chatmail.count_tls, chatmail.forget_destinations
    TO queue_worker;

GRANT EXECUTE ON FUNCTION chatmail.create_with_token, chatmail.registration TO register;

-- The operator manages accounts and counts; mail stays closed to the command, too.
GRANT SELECT (id, address, quota, born) ON chatmail.account TO operator;
GRANT SELECT ON chatmail.barred, chatmail.last_login, chatmail.token, chatmail.mailbox TO operator;
GRANT EXECUTE ON FUNCTION chatmail.registration, chatmail.operator_create_account, chatmail.operator_set_password,
    chatmail.operator_delete_account, chatmail.operator_ban, chatmail.operator_unban,
    chatmail.operator_set_registration, chatmail.operator_create_token, chatmail.operator_delete_token TO operator;
GRANT SELECT (domain, selector, record) ON chatmail.dkim_key TO operator;
GRANT SELECT ON chatmail.federation, chatmail.alias, chatmail.worker, chatmail.destination, chatmail.outbox,
    chatmail.tls_result TO operator;
GRANT SELECT (id, size, sender, is_warned, accepted) ON chatmail.outbox_message TO operator;
GRANT EXECUTE ON FUNCTION chatmail.operator_add_aliases, chatmail.operator_remove_aliases,
    chatmail.operator_set_federation, chatmail.operator_set_route, chatmail.operator_forget_federation,
    chatmail.chosen_rows, chatmail.is_under_way, chatmail.operator_retry, chatmail.operator_droppable,
    chatmail.operator_drop TO operator;

-- Push: imap keeps an account's tokens, the worker sees a token without whose it is.
GRANT SELECT (id, account_id, token, set_at) ON chatmail.push_token TO imap;
GRANT EXECUTE ON FUNCTION chatmail.set_push_tokens, chatmail.forget_push_tokens TO imap;
GRANT EXECUTE ON FUNCTION chatmail.claim_pushes, chatmail.settle_pushes, chatmail.remove_push_tokens,
    chatmail.expire_push_tokens TO queue_worker;
