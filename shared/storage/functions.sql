-- Every write, as functions with the owner's rights. Replaced whole by each migration run, so that code and
-- functions always come from one version; old callers keep working because signatures are only ever added.

-- Accounts -----------------------------------------------------------------------------------------------------

-- Which kind of registration is in force: the operator's word, else the setting.
CREATE OR REPLACE FUNCTION chatmail.registration(setting text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT coalesce((SELECT s.registration FROM suite s), setting)
$$;

-- Make the account and its INBOX, or do nothing where the address is there already.
CREATE OR REPLACE FUNCTION chatmail.make_account(new_address text, new_hash text) RETURNS boolean
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO account (address, password_hash) VALUES (new_address, new_hash)
        ON CONFLICT (address) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO mailbox (account_id, name) VALUES (made, 'INBOX');
    INSERT INTO last_login (account_id) VALUES (made);
    RETURN true;
END $$;

-- First login: the account is born where registration is open and the address is not barred. True if it was born
-- now; where two services race, one is told true, both find the same account afterwards.
CREATE OR REPLACE FUNCTION chatmail.admit(new_address text, new_hash text, setting text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    IF registration(setting) <> 'open' OR EXISTS (SELECT FROM barred b WHERE b.address = new_address) THEN
        RETURN false;
    END IF;
    RETURN make_account(new_address, new_hash);
END $$;

-- POST /new with a token: one use of the token and one account, or neither. 'created', 'taken' or 'bad token'.
CREATE OR REPLACE FUNCTION chatmail.create_with_token(given text, new_address text, new_hash text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM token t WHERE t.token = given AND t.uses > 0 AND (t.expires IS NULL OR t.expires > now()) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'bad token';
    END IF;
    IF EXISTS (SELECT FROM barred b WHERE b.address = new_address) OR NOT make_account(new_address, new_hash) THEN
        RETURN 'taken';
    END IF;
    UPDATE token t SET uses = t.uses - 1 WHERE t.token = given;
    RETURN 'created';
END $$;

CREATE OR REPLACE FUNCTION chatmail.saw_logins(accounts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO last_login (account_id) SELECT DISTINCT id FROM unnest(accounts) id ORDER BY id
        ON CONFLICT (account_id) DO UPDATE SET day = current_date WHERE last_login.day < current_date
$$;

-- Whoever has a mailbox open is using the account, too.
CREATE OR REPLACE FUNCTION chatmail.saw_mailboxes(mailboxes bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT saw_logins(array_agg(b.account_id)) FROM mailbox b WHERE b.id = ANY (mailboxes) HAVING count(*) > 0
$$;

-- Mail ---------------------------------------------------------------------------------------------------------

-- Store messages: item i goes into mailboxes[j] for every j with items[j] = i. A body is stored once. Raises CM001
-- where a mailbox is full; the caller then tries item by item. Outcomes: 0 stored, 1 there already, 2 mailbox gone.
CREATE OR REPLACE FUNCTION chatmail.deliver(
    mailboxes bigint[], items integer[], bodies bytea[], header_sizes integer[], digests bytea[],
    default_quota bigint
) RETURNS TABLE (item integer, mailbox_id bigint, modseq bigint, outcome smallint, is_nearly_full boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    holder record;
    box record;
    body_ids bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(bodies)]);
    stored integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    wanted integer[] := array_fill(0, ARRAY[cardinality(bodies)]);
    body_size integer;
    new_body bigint;
BEGIN
    FOREACH item IN ARRAY items LOOP
        wanted[item] := wanted[item] + 1;
    END LOOP;
    FOR holder IN SELECT m AS mailbox_id, i AS item FROM unnest(mailboxes, items) q(m, i) ORDER BY m, i LOOP
        item := holder.item;
        mailbox_id := holder.mailbox_id;
        body_size := octet_length(bodies[item]);
        -- The row's lock orders the UIDs: a lower one never appears after a higher (design §4.7).
        UPDATE mailbox b SET uidnext = b.uidnext + 1, modseq = b.modseq + 1, messages = b.messages + 1,
                bytes = b.bytes + body_size
            WHERE b.id = holder.mailbox_id
            RETURNING b.uidnext - 1 AS uid, b.modseq, b.bytes,
                coalesce((SELECT a.quota FROM account a WHERE a.id = b.account_id), default_quota) AS quota INTO box;
        IF NOT FOUND THEN
            modseq := 0; outcome := 2; is_nearly_full := false;
            RETURN NEXT;
            CONTINUE;
        END IF;
        -- Looked up under the row's lock: two deliveries of one message cannot both find nothing.
        INSERT INTO receipt (mailbox_id, digest) VALUES (holder.mailbox_id, digests[item]) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            UPDATE mailbox b SET uidnext = b.uidnext - 1, modseq = b.modseq - 1, messages = b.messages - 1,
                    bytes = b.bytes - body_size
                WHERE b.id = holder.mailbox_id;
            modseq := 0; outcome := 1; is_nearly_full := false;
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
        RETURN NEXT;
    END LOOP;
    INSERT INTO body_holders (body_id, holders)
        SELECT b, s FROM unnest(body_ids, stored, wanted) q(b, s, w) WHERE w > 1 AND s > 0;
END $$;

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

-- STORE: flags become (flags without `cleared`) with `added`; each mailbox at most once with one pair of masks.
CREATE OR REPLACE FUNCTION chatmail.store_flags(
    mailboxes bigint[], uids bigint[], added smallint[], cleared smallint[]
) RETURNS TABLE (mailbox_id bigint, uid bigint, flags smallint, modseq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM mailbox b WHERE b.id = ANY (mailboxes) ORDER BY b.id FOR UPDATE;
    RETURN QUERY WITH counted AS (
        UPDATE mailbox b SET modseq = b.modseq + 1 WHERE b.id = ANY (mailboxes) RETURNING b.id, b.modseq
    ), changed AS (
        UPDATE message m SET flags = (m.flags & ~q.cleared) | q.added, modseq = c.modseq
            FROM unnest(mailboxes, uids, added, cleared) q(mailbox_id, uid, added, cleared)
            JOIN counted c ON c.id = q.mailbox_id
            WHERE m.mailbox_id = q.mailbox_id AND m.uid = q.uid
            RETURNING m.mailbox_id, m.uid, m.flags, m.modseq
    ), noted AS (
        INSERT INTO mailbox_change (mailbox_id, modseq, is_expunge, uids)
            SELECT c.mailbox_id, c.modseq, false, array_agg(c.uid ORDER BY c.uid)
            FROM changed c GROUP BY c.mailbox_id, c.modseq
    )
    SELECT c.mailbox_id, c.uid, c.flags, c.modseq FROM changed c ORDER BY c.mailbox_id, c.uid;
END $$;

-- Expiry -------------------------------------------------------------------------------------------------------

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
    DELETE FROM mailbox_change c
        WHERE c.mailbox_id > after AND c.mailbox_id <= after + span AND c.at < now() - interval '1 day';
    DELETE FROM receipt r
        WHERE r.mailbox_id > after AND r.mailbox_id <= after + span AND r.day < current_date - 7;
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

CREATE OR REPLACE FUNCTION chatmail.remove_account(doomed bigint) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    boxes bigint[] := ARRAY(SELECT id FROM mailbox WHERE account_id = doomed ORDER BY id FOR UPDATE);
BEGIN
    PERFORM remove_messages(array_agg(m.mailbox_id), array_agg(m.uid), false)
        FROM message m WHERE m.mailbox_id = ANY (boxes) HAVING count(*) > 0;
    DELETE FROM mailbox_change WHERE mailbox_id = ANY (boxes);
    DELETE FROM receipt WHERE mailbox_id = ANY (boxes);
    DELETE FROM mailbox WHERE id = ANY (boxes);
    DELETE FROM last_login WHERE account_id = doomed;
    DELETE FROM account WHERE id = doomed;
END $$;

-- Remove up to `most` accounts that nobody used for `days`; their addresses are free again.
CREATE OR REPLACE FUNCTION chatmail.expire_accounts(days integer, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT count(remove_account(l.account_id)::text) FROM (
        -- Locked, so that a login at this moment is either seen here or comes to an address that is free.
        SELECT account_id FROM last_login WHERE day < current_date - days ORDER BY account_id LIMIT most
            FOR UPDATE SKIP LOCKED) l
$$;

-- Bodies that no message holds. There are none unless somebody deleted rows by hand.
CREATE OR REPLACE FUNCTION chatmail.free_orphans() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    WITH orphans AS (SELECT id FROM body EXCEPT SELECT body_id FROM message),
    counts AS (DELETE FROM body_holders h USING orphans o WHERE h.body_id = o.id),
    freed AS (DELETE FROM body b USING orphans o WHERE b.id = o.id RETURNING b.id)
    SELECT count(*) FROM freed
$$;

-- The operator ---------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION chatmail.operator_create_account(new_address text, new_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM barred WHERE address = new_address AND reason = 'deleted';
    RETURN NOT EXISTS (SELECT FROM barred WHERE address = new_address) AND make_account(new_address, new_hash);
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_set_password(of_address text, new_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    UPDATE account SET password_hash = new_hash WHERE address = of_address;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_delete_account(of_address text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    doomed bigint := (SELECT id FROM account WHERE address = of_address);
BEGIN
    IF doomed IS NULL THEN
        RETURN false;
    END IF;
    PERFORM remove_account(doomed);
    INSERT INTO barred (address, reason) VALUES (of_address, 'deleted') ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_ban(of_address text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO barred (address, reason) VALUES (of_address, 'banned')
        ON CONFLICT (address) DO UPDATE SET reason = 'banned', since = current_date
$$;

CREATE OR REPLACE FUNCTION chatmail.operator_unban(of_address text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM barred WHERE address = of_address;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_set_registration(mode text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    UPDATE suite SET registration = mode
$$;

CREATE OR REPLACE FUNCTION chatmail.operator_create_token(new_token text, uses integer, days integer, note text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO token (token, uses, expires, note)
        VALUES (new_token, uses, now() + make_interval(days => days), coalesce(note, ''))
$$;

CREATE OR REPLACE FUNCTION chatmail.operator_delete_token(old_token text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM token WHERE token = old_token;
    RETURN FOUND;
END $$;
