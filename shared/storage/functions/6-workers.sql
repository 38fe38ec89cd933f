-- What a worker process does with the outbox: it lives, leases destinations, claims what is due there, signs it, settles
-- it, and gives it back. 4-outbox.sql tells the strategy and the order of locks.

-- A new worker process; returns its token.
CREATE OR REPLACE FUNCTION chatmail.worker_join(seconds double precision) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO worker (alive_until) VALUES (now() + make_interval(secs => seconds)) RETURNING token
$$;

-- Forget workers that fell silent, all but `me`; one that lives on at this very moment is spared.
CREATE OR REPLACE FUNCTION chatmail.give_up_workers(me bigint) RETURNS void
LANGUAGE sql SET search_path = chatmail, pg_temp AS $$
    DELETE FROM worker w WHERE w.token IN (
        SELECT x.token FROM worker x WHERE x.alive_until <= now() AND x.token <> me ORDER BY x.token
            FOR UPDATE SKIP LOCKED)
$$;

-- The worker lives on. False if it was given up; then nothing is its own any more.
CREATE OR REPLACE FUNCTION chatmail.worker_stay(me bigint, seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    UPDATE worker w SET alive_until = clock_timestamp() + make_interval(secs => seconds) WHERE w.token = me;
    RETURN FOUND;
END $$;

-- The worker ends in order: what it had under way is due again, and nothing counts as lost.
CREATE OR REPLACE FUNCTION chatmail.worker_leave(me bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM destination d WHERE d.worker = me ORDER BY d.id FOR NO KEY UPDATE;
    PERFORM FROM outbox o WHERE o.worker = me ORDER BY o.id FOR UPDATE;
    UPDATE outbox o SET worker = NULL WHERE o.worker = me;
    UPDATE destination d SET worker = NULL WHERE d.worker = me;
    DELETE FROM worker w WHERE w.token = me;
END $$;

-- Destinations with something due, among up to `most` that anything waits for, from a random one on: one look at the
-- index for each. With more than that, the next sweeps see the others.
CREATE OR REPLACE FUNCTION chatmail.due_destinations(most integer DEFAULT 5000) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    start bigint := (SELECT floor(random() * max(d.id)) FROM destination d);
BEGIN
    RETURN QUERY WITH RECURSIVE seen(id, next_at) AS (
        (SELECT o.destination_id, o.next_at FROM outbox o WHERE NOT o.is_poison AND o.destination_id > start
            ORDER BY o.destination_id, o.next_at LIMIT 1)
        UNION ALL
        SELECT n.destination_id, n.next_at FROM seen f, LATERAL (
            SELECT o.destination_id, o.next_at FROM outbox o WHERE NOT o.is_poison AND o.destination_id > f.id
                ORDER BY o.destination_id, o.next_at LIMIT 1) n
    ), before(id, next_at) AS (
        (SELECT o.destination_id, o.next_at FROM outbox o WHERE NOT o.is_poison AND o.destination_id <= start
            ORDER BY o.destination_id, o.next_at LIMIT 1)
        UNION ALL
        SELECT n.destination_id, n.next_at FROM before f, LATERAL (
            SELECT o.destination_id, o.next_at FROM outbox o
                WHERE NOT o.is_poison AND o.destination_id > f.id AND o.destination_id <= start
                ORDER BY o.destination_id, o.next_at LIMIT 1) n
    ) SELECT w.id FROM (
        SELECT * FROM (SELECT * FROM seen LIMIT most) s UNION ALL SELECT * FROM (SELECT * FROM before LIMIT most) t
        LIMIT most) w WHERE w.next_at <= now();
END $$;

-- Lease up to `most` destinations with something due, `wanted` only if given, with what the operator says of them;
-- nothing for a worker that was given up. What is leased to this worker already and not among those it knows to hold
-- (`held`, if given) is leased again: it never heard the answer. What it believes to hold is not, though it may be free:
-- it never heard that it gave it back, and will ask once more; two at work under one name would undo each other's claims.
CREATE OR REPLACE FUNCTION chatmail.lease(me bigint, wanted bigint[], most integer, held bigint[] DEFAULT NULL)
RETURNS TABLE (
    id bigint, domain text, failures integer, may_pass boolean, route_host text, route_port integer, route_tls text,
    poisoned bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    due bigint[] := coalesce(wanted, ARRAY(SELECT due_destinations()));
    mine bigint[];
BEGIN
    PERFORM give_up_workers(me);
    -- Kept alive until the end: what is leased to a worker that others give up meanwhile would be anybody's.
    PERFORM FROM worker w WHERE w.token = me FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    WITH free AS (
        SELECT d.id FROM destination d
            WHERE d.id = ANY (due) AND (d.retry_at IS NULL OR d.retry_at <= now())
                AND (held IS NULL OR d.id <> ALL (held))
                AND (NOT EXISTS (SELECT FROM worker w WHERE w.token = d.worker) OR d.worker = me AND held IS NOT NULL)
            ORDER BY d.used, d.id LIMIT most FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE destination d SET worker = me, used = now() FROM free f WHERE d.id = f.id RETURNING d.id
    ) SELECT array_agg(l.id) INTO mine FROM leased l;
    -- Not what a worker that lives is about to give up for its age.
    RETURN QUERY WITH held AS (
        SELECT o.id FROM outbox o WHERE o.destination_id = ANY (mine) AND o.worker IS NOT NULL AND NOT o.is_poison
            AND NOT EXISTS (SELECT FROM worker w WHERE w.token = o.worker) ORDER BY o.id FOR UPDATE
    ), lost AS (
        UPDATE outbox o SET worker = NULL, lost_leases = o.lost_leases + 1, is_poison = o.lost_leases >= 2
            FROM held h WHERE o.id = h.id RETURNING o.destination_id, o.is_poison
    )
    SELECT d.id, d.domain, d.failures, coalesce(f.may_pass, e.may_pass, true), f.route_host, f.route_port, f.route_tls,
            (SELECT count(*) FROM lost l WHERE l.destination_id = d.id AND l.is_poison)
        FROM destination d LEFT JOIN federation f ON f.domain = d.domain LEFT JOIN federation e ON e.domain = '*'
        WHERE d.id = ANY (mine);
END $$;

-- Claim the rows of up to `most` messages that are due at a leased destination; an attempt counts from here. Of bodies
-- over `inline` octets only the header comes along. A suspect, a message lost with two workers, comes alone and while
-- this worker tries no other: should the next one end as well, it is known why.
CREATE OR REPLACE FUNCTION chatmail.claim(me bigint, destination bigint, most integer, inline integer)
RETURNS TABLE (
    message_id bigint, sender text, sender_mailbox bigint, domain text, size integer, header_size integer,
    signature bytea, header bytea, data bytea, accepted double precision, is_suspect boolean,
    ids bigint[], recipients text[], attempts integer[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    picked bigint[];
    lone bigint;
BEGIN
    PERFORM FROM destination d WHERE d.id = claim.destination AND d.worker = me FOR SHARE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    WITH due AS (
        SELECT o.message_id, o.next_at, o.lost_leases >= 2 AS is_suspect FROM outbox o
            WHERE o.destination_id = claim.destination AND NOT o.is_poison AND o.worker IS NULL AND o.next_at <= now()
            ORDER BY o.next_at LIMIT 2000
    ), messages AS (
        SELECT d.message_id, min(d.next_at) AS next_at, bool_or(d.is_suspect) AS is_suspect FROM due d GROUP BY d.message_id
    ), ranked AS (
        SELECT m.*, row_number() OVER (PARTITION BY m.is_suspect ORDER BY m.next_at, m.message_id) AS rank FROM messages m
    ) SELECT array_agg(r.message_id) FILTER (WHERE NOT r.is_suspect AND r.rank <= most),
            min(r.message_id) FILTER (WHERE r.is_suspect AND r.rank = 1) INTO picked, lone FROM ranked r;
    IF lone IS NOT NULL AND NOT EXISTS (SELECT FROM worker w JOIN outbox o ON o.message_id = w.suspect
            WHERE w.token = me AND o.worker = me) THEN
        picked := ARRAY[lone];
        UPDATE worker w SET suspect = lone WHERE w.token = me;
    END IF;
    RETURN QUERY WITH free AS (
        SELECT o.id FROM outbox o
            WHERE o.message_id = ANY (picked) AND o.destination_id = claim.destination
                AND NOT o.is_poison AND o.worker IS NULL AND o.next_at <= now()
            FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE outbox o SET worker = me, attempts = o.attempts + 1 FROM free f WHERE o.id = f.id
            RETURNING o.id, o.message_id, o.recipient, o.attempts, o.lost_leases
    ), grouped AS (
        SELECT t.message_id, bool_or(t.lost_leases >= 2) AS is_suspect, array_agg(t.id ORDER BY t.id) AS ids,
                array_agg(t.recipient ORDER BY t.id) AS recipients, array_agg(t.attempts ORDER BY t.id) AS attempts
            FROM taken t GROUP BY t.message_id
    )
    SELECT m.id, m.sender, m.sender_mailbox, m.domain, m.size, b.header_size, m.signature,
            CASE WHEN m.size > inline THEN substring(b.data FROM 1 FOR b.header_size) END,
            CASE WHEN m.size <= inline THEN b.data END, extract(epoch FROM m.accepted)::double precision,
            g.is_suspect, g.ids, g.recipients, g.attempts
        FROM grouped g JOIN outbox_message m ON m.id = g.message_id JOIN body b ON b.id = m.body_id ORDER BY m.id;
END $$;

-- The whole body of a message the worker has claimed.
CREATE OR REPLACE FUNCTION chatmail.claimed_body(me bigint, message bigint) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT b.data FROM outbox_message m JOIN body b ON b.id = m.body_id
        WHERE m.id = message AND EXISTS (SELECT FROM outbox o WHERE o.message_id = m.id AND o.worker = me)
$$;

-- Keep the signatures made for messages; returns those in force, which another worker may have made first.
CREATE OR REPLACE FUNCTION chatmail.sign(messages bigint[], signatures bytea[])
RETURNS TABLE (message_id bigint, signature bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM outbox_message m WHERE m.id = ANY (messages) ORDER BY m.id FOR UPDATE;
    RETURN QUERY UPDATE outbox_message m SET signature = coalesce(m.signature, q.s)
        FROM unnest(messages, signatures) q(i, s) WHERE m.id = q.i RETURNING m.id, m.signature;
END $$;

-- Say what became of claimed rows. Outcomes: 0 done, 1 again after delays[i] seconds, 2 lost on the way, 3 not tried after
-- all. Reports go to the senders of their messages, in this transaction, up to twenty a message. What is not this worker's any more is left alone,
-- and its sender is told nothing. Returns the rows settled, and the mailboxes to ring for.
CREATE OR REPLACE FUNCTION chatmail.settle(
    me bigint, rows bigint[], outcomes smallint[], delays double precision[], codes integer[], texts text[],
    report_messages bigint[], reports bytea[], report_headers integer[], default_quota bigint DEFAULT NULL
) RETURNS TABLE (row_id bigint, mailbox_id bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    settled bigint[];
    messages bigint[];
    told record;
BEGIN
    PERFORM FROM mailbox b WHERE b.id IN (
            SELECT m.sender_mailbox FROM outbox_message m WHERE m.id = ANY (report_messages)) ORDER BY b.id FOR NO KEY UPDATE;
    PERFORM FROM outbox_message m WHERE m.id IN (SELECT o.message_id FROM outbox o WHERE o.id = ANY (rows))
        ORDER BY m.id FOR UPDATE;
    WITH held AS (
        SELECT o.id, o.message_id FROM outbox o WHERE o.id = ANY (rows) AND o.worker = me ORDER BY o.id FOR UPDATE
    ) SELECT array_agg(h.id), array_agg(DISTINCT h.message_id) INTO settled, messages FROM held h;
    DELETE FROM outbox o USING unnest(rows, outcomes) q(i, outcome)
        WHERE o.id = q.i AND o.id = ANY (settled) AND q.outcome = 0;
    UPDATE outbox o SET worker = NULL, next_at = now() + make_interval(secs => q.delay),
            attempts = o.attempts - (q.outcome = 3)::integer,
            last_code = coalesce(q.code, o.last_code), last_text = coalesce(q.said, o.last_text),
            lost_leases = CASE q.outcome WHEN 2 THEN o.lost_leases + 1 WHEN 3 THEN o.lost_leases ELSE 0 END,
            is_poison = q.outcome = 2 AND o.lost_leases >= 2
        FROM unnest(rows, outcomes, delays, codes, texts) q(i, outcome, delay, code, said)
        WHERE o.id = q.i AND o.id = ANY (settled) AND q.outcome <> 0;
    RETURN QUERY SELECT s, NULL::bigint, NULL::bigint FROM unnest(settled) s;
    FOR told IN SELECT m.id, m.sender_mailbox, q.report, q.header FROM unnest(report_messages, reports, report_headers)
            q(i, report, header) JOIN outbox_message m ON m.id = q.i
            WHERE m.id = ANY (messages) AND m.sender_mailbox IS NOT NULL AND m.reports < 20
            ORDER BY m.sender_mailbox, m.id LOOP
        UPDATE outbox_message m SET reports = m.reports + 1 WHERE m.id = told.id;
        row_id := NULL; mailbox_id := told.sender_mailbox;
        modseq := put_report(told.sender_mailbox, told.report, told.header, default_quota);
        IF modseq IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
    PERFORM drop_outbox(ARRAY(SELECT i FROM unnest(messages) i
        WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.message_id = i)));
END $$;

-- Give a destination back. With failures it is not tried again for so many seconds; without, it is kept (false) where
-- something is due by now, so that no doorbell rung meanwhile is missed.
CREATE OR REPLACE FUNCTION chatmail.release(me bigint, destination bigint, failures integer, seconds double precision)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM destination d WHERE d.id = release.destination AND d.worker = me FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    IF release.failures = 0 AND EXISTS (SELECT FROM outbox o WHERE o.destination_id = release.destination
            AND NOT o.is_poison AND o.worker IS NULL AND o.next_at <= now()) THEN
        UPDATE destination d SET failures = 0, retry_at = NULL WHERE d.id = release.destination AND d.failures > 0;
        RETURN false;
    END IF;
    -- Nobody is at work on these any more: whoever had claimed them failed in a way nobody foresaw.
    WITH held AS (
        SELECT o.id FROM outbox o WHERE o.destination_id = release.destination AND o.worker = me AND NOT o.is_poison
            ORDER BY o.id FOR UPDATE
    ) UPDATE outbox o SET worker = NULL, lost_leases = o.lost_leases + 1, is_poison = o.lost_leases >= 2
        FROM held h WHERE o.id = h.id;
    UPDATE destination d SET worker = NULL, failures = release.failures, used = now(),
            retry_at = CASE WHEN release.failures > 0 THEN now() + make_interval(secs => seconds) END
        WHERE d.id = release.destination;
    RETURN true;
END $$;
