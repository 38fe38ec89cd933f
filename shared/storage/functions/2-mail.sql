-- Take messages: item i goes into mailboxes[j] for every j with items[j] = i, and to out_recipients[k] elsewhere for
-- every k with out_items[k] = i. All of it or nothing; a body is stored once. origins[i] is the mailbox an item was sent
-- from, NULL for a stranger's; senders and signers are the envelope senders and the domains that sign, where anything
-- leaves. Raises CM001 where a mailbox is full and CM002 where too much of the sender's mail waits for other servers; the
-- caller then tries item by item. Outcomes: 0 stored, 1 there already, 2 mailbox gone, 3 waits for destination `place`.
-- No mailbox may get one digest twice in a call: the receipts of the call itself are not looked up.
CREATE OR REPLACE FUNCTION chatmail.accept(
    mailboxes bigint[], items integer[], bodies bytea[], header_sizes integer[], digests bytea[], default_quota bigint,
    origins bigint[], out_items integer[], out_recipients text[], out_domains text[], senders text[], signers text[]
) RETURNS TABLE (item integer, place bigint, modseq bigint, outcome smallint, is_nearly_full boolean, wants_push boolean,
    uid bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    holder record;
    sizes integer[] := '{}';
    wanted integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    stored integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    body_ids bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(bodies)]);
    -- What was stored: one of each for a message.
    places bigint[] := '{}';
    placed integer[] := '{}';
    uids bigint[] := '{}';
    modseqs bigint[] := '{}';
    pushed bigint[] := '{}';
    before bigint; -- octets that came into this mailbox before the message, in this batch
    new_body bigint;
BEGIN
    FOR n IN 1..cardinality(bodies) LOOP
        sizes := sizes || octet_length(bodies[n]);
    END LOOP;
    FOREACH item IN ARRAY items LOOP
        wanted[item] := wanted[item] + 1;
    END LOOP;
    IF cardinality(out_items) > 0 THEN
        FOR item IN SELECT DISTINCT i FROM unnest(out_items) i LOOP
            wanted[item] := wanted[item] + 1;
        END LOOP;
    END IF;
    -- Locked before anything is looked at. The lock orders the UIDs: a lower one never appears after a higher (design §4.7),
    -- and two deliveries of one message cannot both find no receipt. Senders are locked with the mailboxes: what waits of
    -- theirs is counted and noted by one transaction at a time.
    PERFORM FROM mailbox b WHERE b.id = ANY (CASE WHEN cardinality(out_items) > 0 THEN mailboxes || origins ELSE mailboxes END)
        ORDER BY b.id FOR NO KEY UPDATE;
    place := 0;
    FOR holder IN
        WITH pair AS MATERIALIZED (
            SELECT q.m, q.i, b.uidnext, b.modseq, b.wants_push, coalesce(a.quota, default_quota) AS quota,
                CASE WHEN b.has_others THEN (SELECT sum(x.bytes)::bigint FROM mailbox x WHERE x.account_id = b.account_id)
                    ELSE b.bytes END AS bytes
            FROM unnest(mailboxes, items) q(m, i)
            JOIN mailbox b ON b.id = q.m
            JOIN account a ON a.id = b.account_id
            WHERE NOT EXISTS (SELECT FROM receipt r WHERE r.mailbox_id = q.m AND r.digest = digests[q.i])
            ORDER BY q.m, q.i
        ), noted AS (
            INSERT INTO receipt (mailbox_id, digest) SELECT p.m, digests[p.i] FROM pair p
        ), counted AS (
            UPDATE mailbox b SET uidnext = b.uidnext + t.times, modseq = b.modseq + t.times,
                    messages = b.messages + t.times, bytes = b.bytes + t.octets
                FROM (SELECT p.m, count(*)::integer AS times, sum(sizes[p.i]) AS octets FROM pair p GROUP BY p.m) t
                WHERE b.id = t.m
        )
        SELECT * FROM pair
    LOOP
        IF place <> holder.m THEN
            place := holder.m; uid := holder.uidnext; modseq := holder.modseq + 1; before := 0;
        ELSE
            uid := uid + 1; modseq := modseq + 1;
        END IF;
        item := holder.i;
        -- The message that crosses the limit is the last one taken: RCPT could not know its size.
        IF holder.bytes + before >= holder.quota THEN
            RAISE EXCEPTION 'mailbox full' USING ERRCODE = 'CM001';
        END IF;
        before := before + sizes[item];
        IF body_ids[item] IS NULL THEN
            INSERT INTO body (header_size, data) VALUES (header_sizes[item], bodies[item]) RETURNING id INTO new_body;
            body_ids[item] := new_body;
        END IF;
        stored[item] := stored[item] + 1;
        places := places || place; placed := placed || item; uids := uids || uid; modseqs := modseqs || modseq;
        outcome := 0; is_nearly_full := holder.bytes + before > holder.quota * 0.75;
        wants_push := holder.wants_push AND origins[item] IS DISTINCT FROM place;
        IF wants_push THEN
            pushed := pushed || place;
        END IF;
        RETURN NEXT;
    END LOOP;
    INSERT INTO message (mailbox_id, uid, body_id, modseq, size, is_shared)
        SELECT q.m, q.u, body_ids[q.i], q.s, sizes[q.i], wanted[q.i] > 1
            FROM unnest(places, placed, uids, modseqs) q(m, i, u, s);
    modseq := 0; is_nearly_full := false; wants_push := false; uid := 0;
    IF cardinality(places) < cardinality(items) THEN
        FOR item, place, outcome IN
            SELECT q.i, q.m, CASE WHEN b.id IS NULL THEN 2 ELSE 1 END
                FROM (SELECT m, i FROM unnest(mailboxes, items) q(m, i)
                    EXCEPT SELECT m, i FROM unnest(places, placed) p(m, i)) q
                LEFT JOIN mailbox b ON b.id = q.m
        LOOP
            RETURN NEXT;
        END LOOP;
    END IF;
    IF cardinality(pushed) > 0 THEN
        PERFORM note_push(pushed);
    END IF;
    IF cardinality(out_items) > 0 THEN
        outcome := 3;
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
    IF 1 < ANY (wanted) THEN
        INSERT INTO body_holders (body_id, holders)
            SELECT b, s FROM unnest(body_ids, stored, wanted) q(b, s, w) WHERE w > 1 AND s > 0;
    END IF;
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
BEGIN
    DELETE FROM body WHERE id = ANY (sole);
    IF cardinality(common) > 0 THEN
        -- In id order, as everywhere: two sessions may let go of the same group message at once.
        PERFORM FROM body_holders h WHERE h.body_id = ANY (common) ORDER BY h.body_id FOR UPDATE;
        WITH freed AS (
            DELETE FROM body_holders h USING (SELECT id, count(*) AS times FROM unnest(common) id GROUP BY id) t
                WHERE h.body_id = t.id AND h.holders <= t.times RETURNING h.body_id
        )
        DELETE FROM body b USING freed f WHERE b.id = f.body_id;
        UPDATE body_holders h SET holders = h.holders - t.times
            FROM (SELECT id, count(*)::integer AS times FROM unnest(common) id GROUP BY id) t WHERE h.body_id = t.id;
    END IF;
END $$;

-- Remove the named messages (uids[i] in mailboxes[i]), with `marked_only` those that carry \Deleted.
CREATE OR REPLACE FUNCTION chatmail.remove_messages(mailboxes bigint[], uids bigint[], marked_only boolean)
RETURNS TABLE (mailbox_id bigint, uid bigint, modseq bigint)
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    box record;
    sole bigint[] := '{}';
    common bigint[] := '{}';
BEGIN
    PERFORM FROM mailbox b WHERE b.id = ANY (mailboxes) ORDER BY b.id FOR UPDATE;
    FOR box IN
        WITH gone AS (
            DELETE FROM message m USING unnest(mailboxes, uids) q(mailbox_id, uid)
                WHERE m.mailbox_id = q.mailbox_id AND m.uid = q.uid AND (NOT marked_only OR m.flags & 8 <> 0)
                RETURNING m.mailbox_id, m.uid, m.body_id, m.size, m.is_shared
        ), counted AS (
            UPDATE mailbox b SET modseq = b.modseq + 1, messages = b.messages - t.times, bytes = b.bytes - t.octets
                FROM (SELECT g.mailbox_id, count(*) AS times, sum(g.size) AS octets, array_agg(g.uid ORDER BY g.uid) AS uids,
                        array_agg(g.body_id) FILTER (WHERE NOT g.is_shared) AS sole,
                        array_agg(g.body_id) FILTER (WHERE g.is_shared) AS common
                    FROM gone g GROUP BY g.mailbox_id) t
                WHERE b.id = t.mailbox_id RETURNING b.id, b.modseq, t.uids, t.sole, t.common
        ), noted AS (
            INSERT INTO mailbox_change (mailbox_id, modseq, is_expunge, uids)
                SELECT c.id, c.modseq, true, c.uids FROM counted c
        )
        SELECT * FROM counted ORDER BY id
    LOOP
        mailbox_id := box.id; modseq := box.modseq; sole := sole || box.sole; common := common || box.common;
        FOREACH uid IN ARRAY box.uids LOOP
            RETURN NEXT;
        END LOOP;
    END LOOP;
    PERFORM release_bodies(sole, common);
END $$;

-- EXPUNGE of the named messages, many mailboxes at once.
CREATE OR REPLACE FUNCTION chatmail.expunge(mailboxes bigint[], uids bigint[])
RETURNS TABLE (mailbox_id bigint, uid bigint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM remove_messages(mailboxes, uids, true);
END $$;

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
    UPDATE mailbox b SET modseq = b.modseq + 1
        FROM (SELECT x.id FROM mailbox x WHERE x.id = ANY (mailboxes) ORDER BY x.id FOR NO KEY UPDATE) x WHERE b.id = x.id;
    RETURN QUERY WITH changed AS (
        UPDATE message m SET
                modseq = CASE WHEN m.flags | coalesce(m.keywords, 0)
                    = ((m.flags | coalesce(m.keywords, 0)) & ~q.cleared) | q.added THEN m.modseq ELSE b.modseq END,
                flags = ((m.flags & ~q.cleared) | q.added) & 31,
                keywords = nullif(((coalesce(m.keywords, 0) & ~q.cleared) | q.added) & ~31::bigint, 0)
            FROM unnest(mailboxes, uids, added, cleared, untils) q(mailbox_id, uid, added, cleared, until)
            JOIN mailbox b ON b.id = q.mailbox_id
            WHERE m.mailbox_id = q.mailbox_id AND m.uid = q.uid AND (q.until IS NULL OR m.modseq <= q.until)
            RETURNING m.mailbox_id, m.uid, m.flags | coalesce(m.keywords, 0) AS flags, m.modseq, b.modseq AS latest
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
