-- One bounded step of the walk through all mailboxes: those with ids after `after`, `span` ids wide; at the most `most`
-- messages and about `most_octets`, since what is removed keeps mailboxes locked meanwhile. Ages count
-- from arrival in this database's clock, never from a Date header. Returns the mailboxes touched and where to go
-- on; `next_after` is NULL at the end, and `after` itself while there is more to remove here.
CREATE OR REPLACE FUNCTION chatmail.expire(
    after bigint, span integer, most integer, most_octets bigint, days integer, large_days integer, large_size integer
) RETURNS TABLE (next_after bigint, removed bigint, mailboxes bigint[], modseqs bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    old_mailboxes bigint[];
    old_uids bigint[];
    is_more boolean;
    highest bigint := (SELECT max(id) FROM mailbox);
BEGIN
    SELECT array_agg(o.mailbox_id) FILTER (WHERE o.before < most_octets),
            array_agg(o.uid) FILTER (WHERE o.before < most_octets), count(*) = most OR max(o.before) >= most_octets
        INTO old_mailboxes, old_uids, is_more FROM (
        SELECT m.mailbox_id, m.uid, sum(m.size) OVER (ORDER BY m.mailbox_id, m.uid) - m.size AS before FROM message m
            WHERE m.mailbox_id > after AND m.mailbox_id <= after + span
                AND (m.arrived < now() - make_interval(days => days)
                    OR (m.size > large_size AND m.arrived < now() - make_interval(days => large_days)))
            ORDER BY m.mailbox_id, m.uid LIMIT most) o;
    SELECT coalesce(sum(r.times), 0)::bigint, array_agg(r.mailbox_id), array_agg(r.modseq)
        INTO removed, mailboxes, modseqs FROM (
        SELECT g.mailbox_id, max(g.modseq) AS modseq, count(*) AS times
            FROM remove_messages(coalesce(old_mailboxes, '{}'), coalesce(old_uids, '{}'), false) g
            GROUP BY g.mailbox_id) r;
    IF NOT coalesce(is_more, false) THEN -- once for these mailboxes, and not with every step
        DELETE FROM mailbox_change c
            WHERE c.mailbox_id > after AND c.mailbox_id <= after + span AND c.at < now() - interval '1 day';
        DELETE FROM receipt r
            WHERE r.mailbox_id > after AND r.mailbox_id <= after + span AND r.day < current_date - 7;
    END IF;
    next_after := CASE WHEN is_more THEN after
        WHEN after + span >= coalesce(highest, 0) THEN NULL ELSE after + span END;
    RETURN NEXT;
END $$;

-- Near its quota (over 75 %) the account of a mailbox loses its oldest mail until it uses 70 %, never mail of the
-- last 24 hours.
CREATE OR REPLACE FUNCTION chatmail.trim_account(mailbox bigint, default_quota bigint)
RETURNS TABLE (mailbox_id bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    account bigint := (SELECT b.account_id FROM mailbox b WHERE b.id = mailbox);
    allowed bigint := (SELECT coalesce(a.quota, default_quota) FROM account a WHERE a.id = account);
    used bigint;
BEGIN
    PERFORM FROM mailbox b WHERE b.account_id = account ORDER BY b.id FOR UPDATE;
    used := (SELECT sum(b.bytes) FROM mailbox b WHERE b.account_id = account);
    IF used IS NULL OR used <= allowed * 0.75 THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT r.mailbox_id, max(r.modseq) FROM (
            SELECT array_agg(o.mailbox_id) AS boxes, array_agg(o.uid) AS uids FROM (
                SELECT m.mailbox_id, m.uid, sum(m.size) OVER (ORDER BY m.arrived, m.mailbox_id, m.uid) - m.size AS older
                    FROM message m JOIN mailbox b ON b.id = m.mailbox_id
                    WHERE b.account_id = account AND m.arrived < now() - interval '24 hours') o
                WHERE o.older < used - allowed * 0.7) v,
            LATERAL remove_messages(v.boxes, v.uids, false) r
        WHERE v.boxes IS NOT NULL GROUP BY r.mailbox_id;
END $$;

-- The INBOX of every account over 75 % of its quota, for a sweep that finds what a lost job would have trimmed.
CREATE OR REPLACE FUNCTION chatmail.nearly_full(default_quota bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT min(b.id) FROM account a JOIN mailbox b ON b.account_id = a.id
        GROUP BY a.id HAVING sum(b.bytes) > coalesce(a.quota, default_quota) * 0.75 ORDER BY min(b.id)
$$;

-- Remove accounts with all that is theirs. Everything is locked first, in the order of all (see 4-outbox.sql), since one
-- account after the other would mean mailboxes after bodies.
CREATE OR REPLACE FUNCTION chatmail.remove_accounts(doomed bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    boxes bigint[] := ARRAY(SELECT id FROM mailbox WHERE account_id = ANY (doomed) ORDER BY id FOR UPDATE);
    sent bigint[] := ARRAY(SELECT id FROM outbox_message WHERE sender_mailbox = ANY (boxes) ORDER BY id FOR UPDATE);
BEGIN
    -- Again, for those that were made while we waited; none can be made once their INBOX is locked.
    boxes := ARRAY(SELECT id FROM mailbox WHERE account_id = ANY (doomed) ORDER BY id FOR UPDATE);
    PERFORM FROM outbox o WHERE o.message_id = ANY (sent) ORDER BY o.id FOR UPDATE;
    PERFORM FROM body_holders h WHERE h.body_id IN (
        SELECT m.body_id FROM message m WHERE m.mailbox_id = ANY (boxes) AND m.is_shared
        UNION ALL SELECT s.body_id FROM outbox_message s WHERE s.id = ANY (sent) AND s.is_shared)
        ORDER BY h.body_id FOR UPDATE;
    PERFORM remove_messages(array_agg(m.mailbox_id), array_agg(m.uid), false)
        FROM message m WHERE m.mailbox_id = ANY (boxes) HAVING count(*) > 0;
    -- What they sent and other servers have not taken yet goes with them.
    PERFORM drop_outbox(sent);
    DELETE FROM push_due WHERE account_id = ANY (doomed);
    DELETE FROM push_token WHERE account_id = ANY (doomed);
    DELETE FROM alias WHERE target IN (SELECT address FROM account WHERE id = ANY (doomed));
    DELETE FROM mailbox_change WHERE mailbox_id = ANY (boxes);
    DELETE FROM receipt WHERE mailbox_id = ANY (boxes);
    DELETE FROM mailbox WHERE id = ANY (boxes);
    DELETE FROM subscription WHERE account_id = ANY (doomed);
    DELETE FROM last_login WHERE account_id = ANY (doomed);
    DELETE FROM account WHERE id = ANY (doomed);
END $$;

CREATE OR REPLACE FUNCTION chatmail.remove_account(doomed bigint) RETURNS void
LANGUAGE sql SET search_path = chatmail, pg_temp AS $$
    SELECT remove_accounts(ARRAY[doomed])
$$;

-- Remove up to `most` accounts that nobody used for `days`; their addresses are free again.
CREATE OR REPLACE FUNCTION chatmail.expire_accounts(days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    -- Locked, so that a login at this moment is either seen here or comes to an address that is free.
    unused bigint[] := ARRAY(
        SELECT account_id FROM last_login WHERE day < current_date - days ORDER BY account_id LIMIT most
            FOR UPDATE SKIP LOCKED);
BEGIN
    PERFORM remove_accounts(unused);
    RETURN cardinality(unused);
END $$;

-- Bodies that nothing holds. There are none unless somebody deleted rows by hand.
CREATE OR REPLACE FUNCTION chatmail.free_orphans() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    WITH orphans AS (SELECT id FROM body EXCEPT (SELECT body_id FROM message UNION ALL SELECT body_id FROM outbox_message)),
    counts AS (DELETE FROM body_holders h USING orphans o WHERE h.body_id = o.id),
    freed AS (DELETE FROM body b USING orphans o WHERE b.id = o.id RETURNING b.id)
    SELECT count(*) FROM freed
$$;
