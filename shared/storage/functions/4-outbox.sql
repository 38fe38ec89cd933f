-- Mail for other servers. Lock order, here and wherever these tables are written: mailbox, outbox_message, destination,
-- outbox, body_holders, each in id order; claims skip what is locked and wait for nobody.
--
-- Strategy: a worker process has a token and is alive while it says so. It leases whole destinations, so that one
-- process keeps a destination's pace and connections, and claims their due rows in batches. Whoever wants what a silent
-- worker holds gives it up first: its row in `worker` goes, and when it comes back it is told so. What it left under way
-- comes back with the next lease of its destination; a row that was lost twice is tried while no other such row is, and
-- one that was lost three times is set aside.

-- Make the destinations that are missing, and keep all of them from being forgotten until this transaction ends.
CREATE OR REPLACE FUNCTION chatmail.hold_destinations(domains text[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
BEGIN
    LOOP
        INSERT INTO destination (domain)
            SELECT DISTINCT d FROM unnest(domains) d
                WHERE NOT EXISTS (SELECT FROM destination x WHERE x.domain = d) ORDER BY d
            ON CONFLICT DO NOTHING;
        PERFORM FROM destination x WHERE x.domain = ANY (domains) ORDER BY x.id FOR KEY SHARE;
        EXIT WHEN NOT EXISTS (
            SELECT FROM unnest(domains) d WHERE NOT EXISTS (SELECT FROM destination x WHERE x.domain = d));
    END LOOP;
END $$;

-- Put a message into the outbox; returns the destinations it waits for. What this mailbox has sent to these recipients
-- in these octets already is left out.
CREATE OR REPLACE FUNCTION chatmail.enqueue(
    body bigint, is_shared boolean, size integer, digest bytea, quota bigint, origin bigint, sender text, signer text,
    recipients text[], domains text[]
) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    fresh text[] := recipients;
    message bigint;
BEGIN
    IF origin IS NOT NULL THEN
        -- A small message counts as 32 KiB and a recipient as 16: what waits is bounded in number, too.
        IF (SELECT sum(greatest(m.size, 32768, m.recipients * 16384)) FROM outbox_message m
                WHERE m.sender_mailbox = origin) >= quota THEN
            RAISE EXCEPTION 'outbox full' USING ERRCODE = 'CM002';
        END IF;
        -- The origin is locked: what is not there now is put there by nobody else.
        fresh := ARRAY(SELECT r FROM unnest(recipients) r WHERE NOT EXISTS (SELECT FROM receipt x
            WHERE x.mailbox_id = origin AND x.digest = sha256(enqueue.digest || convert_to(r, 'UTF8'))));
        INSERT INTO receipt (mailbox_id, digest)
            SELECT origin, sha256(enqueue.digest || convert_to(r, 'UTF8')) FROM unnest(fresh) r ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(fresh) = 0 THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM unnest(domains) d WHERE NOT EXISTS (SELECT FROM destination x WHERE x.domain = d)) THEN
        PERFORM hold_destinations(domains);
    END IF;
    INSERT INTO outbox_message (body_id, is_shared, size, recipients, sender, sender_mailbox, domain)
        VALUES (body, is_shared, size, cardinality(fresh), sender, origin, signer) RETURNING id INTO message;
    RETURN QUERY WITH waiting AS (
        INSERT INTO outbox (message_id, destination_id, recipient)
            SELECT DISTINCT message, x.id, q.r FROM unnest(recipients, domains) q(r, d)
                JOIN destination x ON x.domain = q.d WHERE q.r = ANY (fresh) RETURNING destination_id
    ) SELECT DISTINCT destination_id FROM waiting;
END $$;

-- Take messages out of the outbox, whatever still waits, and let go of their bodies.
CREATE OR REPLACE FUNCTION chatmail.drop_outbox(messages bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    sole bigint[];
    common bigint[];
BEGIN
    PERFORM FROM outbox_message m WHERE m.id = ANY (messages) ORDER BY m.id FOR UPDATE;
    PERFORM FROM outbox o WHERE o.message_id = ANY (messages) ORDER BY o.id FOR UPDATE;
    DELETE FROM outbox o WHERE o.message_id = ANY (messages);
    WITH gone AS (DELETE FROM outbox_message m WHERE m.id = ANY (messages) RETURNING m.body_id, m.is_shared)
    SELECT array_agg(g.body_id) FILTER (WHERE NOT g.is_shared), array_agg(g.body_id) FILTER (WHERE g.is_shared)
        INTO sole, common FROM gone g;
    PERFORM release_bodies(coalesce(sole, '{}'), coalesce(common, '{}'));
END $$;

-- Put a report into a mailbox, also into a full one: it is small, and says what became of mail. Returns the modseq, or
-- NULL where the mailbox is gone, or so full that reports alone must have filled it.
CREATE OR REPLACE FUNCTION chatmail.put_report(
    mailbox bigint, report bytea, header_size integer, default_quota bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    box record;
    new_body bigint;
BEGIN
    UPDATE mailbox b SET uidnext = b.uidnext + 1, modseq = b.modseq + 1, messages = b.messages + 1,
            bytes = b.bytes + octet_length(report)
        WHERE b.id = put_report.mailbox AND (default_quota IS NULL OR b.bytes < 5000000 + coalesce(
            (SELECT a.quota FROM account a WHERE a.id = b.account_id), default_quota))
        RETURNING b.uidnext - 1 AS uid, b.modseq, b.wants_push INTO box;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO body (header_size, data) VALUES (put_report.header_size, report) RETURNING id INTO new_body;
    INSERT INTO message (mailbox_id, uid, body_id, modseq, size, is_shared)
        VALUES (put_report.mailbox, box.uid, new_body, box.modseq, octet_length(report), false);
    IF box.wants_push THEN
        PERFORM note_push(ARRAY[put_report.mailbox]);
    END IF;
    RETURN box.modseq;
END $$;

-- Time ---------------------------------------------------------------------------------------------------------

-- Claim rows of messages older than `seconds`, to be settled as failed: poison and those behind a closed door as well.
CREATE OR REPLACE FUNCTION chatmail.claim_expired(me bigint, seconds double precision, most integer)
RETURNS TABLE (
    message_id bigint, sender text, sender_mailbox bigint, domain text, header bytea, accepted double precision,
    ids bigint[], recipients text[], codes integer[], texts text[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM give_up_workers(me);
    PERFORM FROM worker w WHERE w.token = me FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY WITH old AS (
        SELECT o.id FROM outbox_message m JOIN outbox o ON o.message_id = m.id
            WHERE m.accepted < now() - make_interval(secs => seconds)
                AND NOT EXISTS (SELECT FROM worker w WHERE w.token = o.worker)
            ORDER BY o.id LIMIT most FOR UPDATE OF o SKIP LOCKED
    ), taken AS (
        UPDATE outbox o SET worker = me FROM old WHERE o.id = old.id
            RETURNING o.id, o.message_id, o.recipient, o.last_code, o.last_text
    ), grouped AS (
        SELECT t.message_id, array_agg(t.id ORDER BY t.id) AS ids, array_agg(t.recipient ORDER BY t.id) AS recipients,
                array_agg(t.last_code ORDER BY t.id) AS codes, array_agg(t.last_text ORDER BY t.id) AS texts
            FROM taken t GROUP BY t.message_id
    )
    SELECT m.id, m.sender, m.sender_mailbox, m.domain, substring(b.data FROM 1 FOR b.header_size),
            extract(epoch FROM m.accepted)::double precision, g.ids, g.recipients, g.codes, g.texts
        FROM grouped g JOIN outbox_message m ON m.id = g.message_id JOIN body b ON b.id = m.body_id ORDER BY m.id;
END $$;

-- Messages older than `seconds` that still wait and whose senders have not been told so.
CREATE OR REPLACE FUNCTION chatmail.late(seconds double precision, most integer)
RETURNS TABLE (
    message_id bigint, sender text, sender_mailbox bigint, domain text, header bytea, accepted double precision,
    ids bigint[], recipients text[], codes integer[], texts text[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT m.id, m.sender, m.sender_mailbox, m.domain, substring(b.data FROM 1 FOR b.header_size),
            extract(epoch FROM m.accepted)::double precision, w.ids, w.recipients, w.codes, w.texts
        FROM (SELECT * FROM outbox_message x WHERE NOT x.is_warned AND x.sender_mailbox IS NOT NULL
                AND x.accepted < now() - make_interval(secs => seconds) ORDER BY x.accepted LIMIT most) m
        JOIN body b ON b.id = m.body_id,
        LATERAL (SELECT array_agg(o.id ORDER BY o.id) AS ids, array_agg(o.recipient ORDER BY o.id) AS recipients,
                array_agg(o.last_code ORDER BY o.id) AS codes, array_agg(o.last_text ORDER BY o.id) AS texts
            FROM outbox o WHERE o.message_id = m.id) w
        WHERE w.ids IS NOT NULL
$$;

-- Tell a sender once that a message still waits; returns what to ring, or nothing where it was told already.
CREATE OR REPLACE FUNCTION chatmail.warn(
    message bigint, report bytea, header_size integer, default_quota bigint DEFAULT NULL
)
RETURNS TABLE (mailbox_id bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    sender bigint := (SELECT m.sender_mailbox FROM outbox_message m WHERE m.id = message);
BEGIN
    PERFORM FROM mailbox b WHERE b.id = sender FOR NO KEY UPDATE;
    UPDATE outbox_message m SET is_warned = true WHERE m.id = message AND NOT m.is_warned;
    IF FOUND THEN
        RETURN QUERY SELECT sender, p FROM put_report(sender, report, warn.header_size, default_quota) p WHERE p IS NOT NULL;
    END IF;
END $$;

-- What was learned --------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION chatmail.put_sts_policy(
    of_domain text, new_id text, new_policy bytea, seconds double precision
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO sts_policy (domain, id, policy, expires)
        VALUES (of_domain, new_id, new_policy, now() + make_interval(secs => seconds))
        ON CONFLICT (domain) DO UPDATE SET id = new_id, policy = new_policy, fetched = now(), expires = excluded.expires
$$;

CREATE OR REPLACE FUNCTION chatmail.count_tls(domains text[], types text[], results text[], counts bigint[])
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO tls_result (domain, policy_type, result, sessions)
        SELECT d, t, r, sum(c) FROM unnest(domains, types, results, counts) q(d, t, r, c)
            GROUP BY d, t, r ORDER BY d, t, r
        ON CONFLICT (day, domain, policy_type, result) DO UPDATE SET sessions = tls_result.sessions + excluded.sessions
$$;

-- Forget whom mail went to once nothing waits there, and what is out of date.
CREATE OR REPLACE FUNCTION chatmail.forget_destinations() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    unused bigint[] := ARRAY(
        SELECT d.id FROM destination d WHERE d.used < now() - interval '1 hour'
            AND NOT EXISTS (SELECT FROM outbox o WHERE o.destination_id = d.id) ORDER BY d.id FOR UPDATE SKIP LOCKED);
BEGIN
    -- Looked at again under the lock: mail that was accepted before it is seen, and new mail waits to make the row anew.
    DELETE FROM destination d WHERE d.id = ANY (unused)
        AND NOT EXISTS (SELECT FROM outbox o WHERE o.destination_id = d.id);
    DELETE FROM sts_policy p WHERE p.expires < now();
    DELETE FROM tls_result t WHERE t.day < current_date - 7;
END $$;
