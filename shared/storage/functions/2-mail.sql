-- Take messages: item i goes into mailboxes[j] for every j with items[j] = i, and to out_recipients[k] elsewhere for
-- every k with out_items[k] = i. All of it or nothing; a body is stored once. origins[i] is the mailbox an item was sent
-- from, NULL for a stranger's; senders and signers are the envelope senders and the domains that sign, where anything
-- leaves. Raises CM001 where a mailbox is full and CM002 where too much of the sender's mail waits for other servers; the
-- caller then tries item by item. Outcomes: 0 stored, 1 there already, 2 mailbox gone, 3 waits for destination `place`.
CREATE OR REPLACE FUNCTION chatmail.accept(
    mailboxes bigint[], items integer[], bodies bytea[], header_sizes integer[], digests bytea[], default_quota bigint,
    origins bigint[], out_items integer[], out_recipients text[], out_domains text[], senders text[], signers text[]
) RETURNS TABLE (item integer, place bigint, modseq bigint, outcome smallint, is_nearly_full boolean, wants_push boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    holder record;
    box record;
    body_ids bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(bodies)]);
    stored integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    wanted integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    pushed bigint[] := '{}';
    body_size integer;
    new_body bigint;
BEGIN
    FOREACH item IN ARRAY items LOOP
        wanted[item] := wanted[item] + 1;
    END LOOP;
    IF cardinality(out_items) > 0 THEN
        FOR item IN SELECT DISTINCT i FROM unnest(out_items) i LOOP
            wanted[item] := wanted[item] + 1;
        END LOOP;
        -- Senders are locked with the mailboxes: what waits of theirs is counted and noted by one transaction at a time.
        PERFORM FROM mailbox b WHERE b.id = ANY (mailboxes || origins) ORDER BY b.id FOR NO KEY UPDATE;
    END IF;
    FOR holder IN SELECT m AS mailbox_id, i AS item FROM unnest(mailboxes, items) q(m, i) ORDER BY m, i LOOP
        item := holder.item;
        place := holder.mailbox_id;
        modseq := 0; is_nearly_full := false; wants_push := false;
        body_size := octet_length(bodies[item]);
        -- The row's lock orders the UIDs: a lower one never appears after a higher (design §4.7).
        UPDATE mailbox b SET uidnext = b.uidnext + 1, modseq = b.modseq + 1, messages = b.messages + 1,
                bytes = b.bytes + body_size
            WHERE b.id = holder.mailbox_id
            RETURNING b.uidnext - 1 AS uid, b.modseq, b.wants_push,
                CASE WHEN b.has_others THEN b.bytes + coalesce((SELECT sum(x.bytes)::bigint FROM mailbox x
                    WHERE x.account_id = b.account_id AND x.id <> b.id), 0) ELSE b.bytes END AS bytes,
                coalesce((SELECT a.quota FROM account a WHERE a.id = b.account_id), default_quota) AS quota INTO box;
        IF NOT FOUND THEN
            outcome := 2;
            RETURN NEXT;
            CONTINUE;
        END IF;
        -- Looked up under the row's lock: two deliveries of one message cannot both find nothing.
        INSERT INTO receipt (mailbox_id, digest) VALUES (holder.mailbox_id, digests[item]) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            UPDATE mailbox b SET uidnext = b.uidnext - 1, modseq = b.modseq - 1, messages = b.messages - 1,
                    bytes = b.bytes - body_size
                WHERE b.id = holder.mailbox_id;
            outcome := 1;
            RETURN NEXT;
            CONTINUE;
        END IF;
        -- The message that crosses the limit is the last one taken: RCPT could not know its size.
        IF box.bytes - body_size >= box.quota THEN
            RAISE EXCEPTION 'mailbox full' USING ERRCODE = 'CM001';
        END IF;
        IF body_ids[item] IS NULL THEN
            INSERT INTO body (header_size, data) VALUES (header_sizes[item], bodies[item]) RETURNING id INTO new_body;
            body_ids[item] := new_body;
        END IF;
        stored[item] := stored[item] + 1;
        INSERT INTO message (mailbox_id, uid, body_id, modseq, size, is_shared)
            VALUES (holder.mailbox_id, box.uid, body_ids[item], box.modseq, body_size, wanted[item] > 1);
        modseq := box.modseq; outcome := 0; is_nearly_full := box.bytes > box.quota * 0.75;
        wants_push := box.wants_push AND origins[item] IS DISTINCT FROM holder.mailbox_id;
        IF wants_push THEN
            pushed := pushed || holder.mailbox_id;
        END IF;
        RETURN NEXT;
    END LOOP;
    IF cardinality(pushed) > 0 THEN
        PERFORM note_push(pushed);
    END IF;
    IF cardinality(out_items) > 0 THEN
        modseq := 0; outcome := 3; is_nearly_full := false; wants_push := false;
        PERFORM hold_destinations(out_domains);
        FOR holder IN SELECT i AS item, array_agg(r) AS recipients, array_agg(d) AS domains
                FROM unnest(out_items, out_recipients, out_domains) q(i, r, d) GROUP BY i ORDER BY i LOOP
            item := holder.item;
            IF body_ids[item] IS NULL THEN
                INSERT INTO body (header_size, data) VALUES (header_sizes[item], bodies[item]) RETURNING id INTO new_body;
                body_ids[item] := new_body;
            END IF;
            FOR place IN SELECT * FROM enqueue(body_ids[item], wanted[item] > 1, octet_length(bodies[item]), digests[item],
                    default_quota, origins[item], senders[item], signers[item], holder.recipients, holder.domains) LOOP
                RETURN NEXT;
            END LOOP;
            IF FOUND THEN
                stored[item] := stored[item] + 1;
            ELSIF stored[item] = 0 THEN
                DELETE FROM body WHERE id = body_ids[item];
            END IF;
        END LOOP;
    END IF;
    INSERT INTO body_holders (body_id, holders)
        SELECT b, s FROM unnest(body_ids, stored, wanted) q(b, s, w) WHERE w > 1 AND s > 0;
END $$;

-- The accounts of these mailboxes have new mail, and devices that want to be told. A row that is there is locked all the
-- same: whoever claims it at this moment must see this mail, or leave the row.
CREATE OR REPLACE FUNCTION chatmail.note_push(mailboxes bigint[]) RETURNS void
LANGUAGE sql SET search_path = chatmail, pg_temp AS $$
    INSERT INTO push_due (account_id) SELECT DISTINCT b.account_id FROM mailbox b WHERE b.id = ANY (mailboxes) ORDER BY 1
        ON CONFLICT (account_id) DO UPDATE SET since = push_due.since
$$;

-- What replicas before federation call.
CREATE OR REPLACE FUNCTION chatmail.deliver(
    mailboxes bigint[], items integer[], bodies bytea[], header_sizes integer[], digests bytea[],
    default_quota bigint
) RETURNS TABLE (item integer, mailbox_id bigint, modseq bigint, outcome smallint, is_nearly_full boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT item, place, modseq, outcome, is_nearly_full
        FROM accept(mailboxes, items, bodies, header_sizes, digests, default_quota, '{}', '{}', '{}', '{}', '{}', '{}')
$$;

-- Take one hold off each body for each time it is named, and remove bodies that nobody holds any more.
CREATE OR REPLACE FUNCTION chatmail.release_bodies(sole bigint[], common bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    held record;
BEGIN
    DELETE FROM body WHERE id = ANY (sole);
    -- In id order, as everywhere: two sessions may let go of the same group message at once.
    FOR held IN SELECT id, count(*)::integer AS times FROM unnest(common) id GROUP BY id ORDER BY id LOOP
        PERFORM FROM body_holders h WHERE h.body_id = held.id FOR UPDATE;
        DELETE FROM body_holders h WHERE h.body_id = held.id AND h.holders <= held.times;
        IF FOUND THEN
            DELETE FROM body WHERE id = held.id;
        ELSE
            UPDATE body_holders h SET holders = h.holders - held.times WHERE h.body_id = held.id;
        END IF;
    END LOOP;
END $$;

-- Remove the named messages (uids[i] in mailboxes[i]), with `marked_only` those that carry \Deleted.
CREATE OR REPLACE FUNCTION chatmail.remove_messages(mailboxes bigint[], uids bigint[], marked_only boolean)
RETURNS TABLE (mailbox_id bigint, uid bigint, modseq bigint)
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    sole bigint[];
    common bigint[];
    in_mailbox bigint[];
    removed bigint[];
    at_modseq bigint[];
BEGIN
    PERFORM FROM mailbox b WHERE b.id = ANY (mailboxes) ORDER BY b.id FOR UPDATE;
    WITH gone AS (
        DELETE FROM message m USING unnest(mailboxes, uids) q(mailbox_id, uid)
            WHERE m.mailbox_id = q.mailbox_id AND m.uid = q.uid AND (NOT marked_only OR m.flags & 8 <> 0)
            RETURNING m.mailbox_id, m.uid, m.body_id, m.size, m.is_shared
    ), counted AS (
        UPDATE mailbox b SET modseq = b.modseq + 1, messages = b.messages - t.times, bytes = b.bytes - t.size
            FROM (SELECT g.mailbox_id, count(*) AS times, sum(g.size) AS size FROM gone g GROUP BY g.mailbox_id) t
            WHERE b.id = t.mailbox_id RETURNING b.id, b.modseq
    ), noted AS (
        INSERT INTO mailbox_change (mailbox_id, modseq, is_expunge, uids)
            SELECT c.id, c.modseq, true, array_agg(g.uid ORDER BY g.uid)
            FROM counted c JOIN gone g ON g.mailbox_id = c.id GROUP BY c.id, c.modseq
    )
    SELECT array_agg(g.body_id) FILTER (WHERE NOT g.is_shared), array_agg(g.body_id) FILTER (WHERE g.is_shared),
            array_agg(g.mailbox_id ORDER BY g.mailbox_id, g.uid), array_agg(g.uid ORDER BY g.mailbox_id, g.uid),
            array_agg(c.modseq ORDER BY g.mailbox_id, g.uid)
        INTO sole, common, in_mailbox, removed, at_modseq
        FROM gone g JOIN counted c ON c.id = g.mailbox_id;
    PERFORM release_bodies(coalesce(sole, '{}'), coalesce(common, '{}'));
    RETURN QUERY SELECT * FROM unnest(in_mailbox, removed, at_modseq);
END $$;

-- EXPUNGE of the named messages, many mailboxes at once.
CREATE OR REPLACE FUNCTION chatmail.expunge(mailboxes bigint[], uids bigint[])
RETURNS TABLE (mailbox_id bigint, uid bigint, modseq bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT * FROM remove_messages(mailboxes, uids, true)
$$;

-- STORE: flags and keywords, as one set of bits, become (what they are without `cleared`) with `added`; each mailbox at
-- most once with one pair of masks. Only messages that have not changed after the modseq `untils` (NULL: all), which is
-- asked under the mailbox's lock (UNCHANGEDSINCE, RFC 7162 §3.1.3); one that has these flags already keeps its modseq
-- (§3.1.11). `latest` is the mailbox's.
CREATE OR REPLACE FUNCTION chatmail.change_flags(
    mailboxes bigint[], uids bigint[], added bigint[], cleared bigint[], untils bigint[]
) RETURNS TABLE (mailbox_id bigint, uid bigint, flags bigint, modseq bigint, latest bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM mailbox b WHERE b.id = ANY (mailboxes) ORDER BY b.id FOR UPDATE;
    RETURN QUERY WITH counted AS (
        UPDATE mailbox b SET modseq = b.modseq + 1 WHERE b.id = ANY (mailboxes) RETURNING b.id, b.modseq
    ), changed AS (
        UPDATE message m SET
                modseq = CASE WHEN m.flags | coalesce(m.keywords, 0)
                    = ((m.flags | coalesce(m.keywords, 0)) & ~q.cleared) | q.added THEN m.modseq ELSE c.modseq END,
                flags = ((m.flags & ~q.cleared) | q.added) & 31,
                keywords = nullif(((coalesce(m.keywords, 0) & ~q.cleared) | q.added) & ~31::bigint, 0)
            FROM unnest(mailboxes, uids, added, cleared, untils) q(mailbox_id, uid, added, cleared, until)
            JOIN counted c ON c.id = q.mailbox_id
            WHERE m.mailbox_id = q.mailbox_id AND m.uid = q.uid AND (q.until IS NULL OR m.modseq <= q.until)
            RETURNING m.mailbox_id, m.uid, m.flags | coalesce(m.keywords, 0) AS flags, m.modseq, c.modseq AS latest
    ), noted AS (
        INSERT INTO mailbox_change (mailbox_id, modseq, is_expunge, uids)
            SELECT c.mailbox_id, c.modseq, false, array_agg(c.uid ORDER BY c.uid)
            FROM changed c WHERE c.modseq = c.latest GROUP BY c.mailbox_id, c.modseq
    )
    SELECT c.mailbox_id, c.uid, c.flags, c.modseq, c.latest FROM changed c ORDER BY c.mailbox_id, c.uid;
END $$;

-- What replicas before mod-sequences were shown call.
CREATE OR REPLACE FUNCTION chatmail.mark(mailboxes bigint[], uids bigint[], added bigint[], cleared bigint[])
RETURNS TABLE (mailbox_id bigint, uid bigint, flags bigint, modseq bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT k.mailbox_id, k.uid, k.flags, k.latest FROM change_flags(mailboxes, uids, added, cleared,
        array_fill(NULL::bigint, ARRAY[cardinality(mailboxes)])) k
$$;

-- What replicas before keywords call.
CREATE OR REPLACE FUNCTION chatmail.store_flags(
    mailboxes bigint[], uids bigint[], added smallint[], cleared smallint[]
) RETURNS TABLE (mailbox_id bigint, uid bigint, flags smallint, modseq bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT k.mailbox_id, k.uid, (k.flags & 31)::smallint, k.modseq
        FROM mark(mailboxes, uids, added::bigint[], cleared::bigint[]) k
$$;
