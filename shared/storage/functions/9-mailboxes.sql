-- An account's mailboxes, and what moves between them.
--
-- Strategy: the row of the INBOX, which every account has and which has its lowest id, is the lock of the account's set of
-- mailboxes: who makes, removes or renames one takes it first. Outcomes are words. What takes long is done in steps, each
-- a transaction, and asked for again: 'more'. Waiting for a lock is bounded: others wait behind us in their line.

-- Lock an account's set of mailboxes; false where the account is gone.
CREATE OR REPLACE FUNCTION chatmail.lock_mailboxes(account bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM mailbox b WHERE b.account_id = account AND b.name = 'INBOX' FOR NO KEY UPDATE;
    RETURN FOUND;
END $$;

-- Make a mailbox and the names above it that are missing (RFC 3501 §6.3.3); an account has `most` of them.
CREATE OR REPLACE FUNCTION chatmail.make_mailboxes(account bigint, wanted text, most integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
DECLARE
    parts text[] := string_to_array(wanted, '/');
    missing text[] := ARRAY(
        SELECT p FROM (SELECT n, array_to_string(parts[:n], '/') AS p FROM generate_series(1, cardinality(parts)) n) q
            WHERE NOT EXISTS (SELECT FROM mailbox b WHERE b.account_id = account AND b.name = p) ORDER BY n);
BEGIN
    IF cardinality(missing) + (SELECT count(*) FROM mailbox b WHERE b.account_id = account) > most THEN
        RETURN false;
    END IF;
    UPDATE mailbox b SET has_others = true
        WHERE b.account_id = account AND b.name = 'INBOX' AND b.has_others IS NOT TRUE;
    INSERT INTO mailbox (account_id, name) SELECT account, p FROM unnest(missing) p;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION chatmail.create_mailbox(account bigint, wanted text, for_use text, most integer)
RETURNS TABLE (outcome text, mailbox_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    outcome := CASE
        WHEN NOT lock_mailboxes(account) THEN 'gone'
        WHEN EXISTS (SELECT FROM mailbox b WHERE b.account_id = account AND b.name = wanted) THEN 'there'
        WHEN EXISTS (SELECT FROM mailbox b WHERE b.account_id = account AND b.special_use = for_use) THEN 'use taken'
        WHEN NOT make_mailboxes(account, wanted, most) THEN 'too many'
        ELSE 'done' END;
    IF outcome = 'done' THEN
        UPDATE mailbox b SET special_use = for_use WHERE b.account_id = account AND b.name = wanted
            RETURNING b.id INTO mailbox_id;
    END IF;
    RETURN NEXT;
END $$;

-- Remove a mailbox, at the most `most` of its messages at a time: 'more' while there are some left. Mailboxes below it stay
-- (§6.3.4). What other sessions must hear of is that it is gone.
CREATE OR REPLACE FUNCTION chatmail.delete_mailbox(account bigint, doomed text, most integer)
RETURNS TABLE (outcome text, mailbox_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    IF NOT lock_mailboxes(account) THEN
        RETURN QUERY SELECT 'gone', NULL::bigint;
        RETURN;
    END IF;
    SELECT b.id INTO mailbox_id FROM mailbox b
        WHERE b.account_id = account AND b.name = doomed AND b.name <> 'INBOX' FOR UPDATE;
    IF mailbox_id IS NULL THEN
        outcome := CASE WHEN EXISTS (SELECT FROM mailbox b WHERE b.account_id = account
            AND starts_with(b.name, doomed || '/')) THEN 'has children' ELSE 'missing' END;
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM remove_messages(array_agg(m.mailbox_id), array_agg(m.uid), false) FROM (
        SELECT x.mailbox_id, x.uid FROM message x WHERE x.mailbox_id = delete_mailbox.mailbox_id LIMIT most) m
        HAVING count(*) > 0;
    IF EXISTS (SELECT FROM message m WHERE m.mailbox_id = delete_mailbox.mailbox_id) THEN
        outcome := 'more';
    ELSE
        DELETE FROM mailbox_change c WHERE c.mailbox_id = delete_mailbox.mailbox_id;
        DELETE FROM mailbox b WHERE b.id = delete_mailbox.mailbox_id;
        outcome := 'done';
    END IF;
    RETURN NEXT;
END $$;

-- Rename a mailbox with all below it (§6.3.5), or only those below it where there is none of the name itself; never INBOX,
-- nor under itself, which the caller has seen to. Ids and UIDs stay, and so does whoever has one open.
CREATE OR REPLACE FUNCTION chatmail.rename_mailbox(
    account bigint, old_name text, new_name text, most integer, longest integer, deepest integer
) RETURNS TABLE (outcome text, mailboxes bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    above text := array_to_string(trim_array(string_to_array(new_name, '/'), 1), '/');
    names text[];
BEGIN
    IF NOT lock_mailboxes(account) THEN
        RETURN QUERY SELECT 'gone', NULL::bigint[];
        RETURN;
    END IF;
    mailboxes := ARRAY(SELECT b.id FROM mailbox b WHERE b.account_id = account
        AND (b.name = old_name OR starts_with(b.name, old_name || '/')) ORDER BY b.id FOR UPDATE);
    names := ARRAY(SELECT new_name || substr(b.name, length(old_name) + 1) FROM mailbox b WHERE b.id = ANY (mailboxes));
    outcome := CASE
        WHEN cardinality(mailboxes) = 0 THEN 'missing'
        WHEN EXISTS (SELECT FROM mailbox b WHERE b.account_id = account AND b.name = ANY (new_name || names)
            AND b.id <> ALL (mailboxes)) THEN 'there'
        WHEN EXISTS (SELECT FROM unnest(names) n WHERE octet_length(n) > longest
            OR cardinality(string_to_array(n, '/')) > deepest) THEN 'too long'
        ELSE 'done' END;
    IF outcome = 'done' THEN
        -- In two steps, since one name may be another's new one: a/b/b and a/b, when a/b becomes a.
        UPDATE mailbox b SET name = E'\x01' || b.name WHERE b.id = ANY (mailboxes);
        IF above <> '' AND NOT make_mailboxes(account, above, most) THEN
            outcome := 'too many';
            new_name := old_name;
        END IF;
        UPDATE mailbox b SET name = new_name || substr(b.name, length(old_name) + 2) WHERE b.id = ANY (mailboxes);
    END IF;
    RETURN NEXT;
END $$;

-- Only a mailbox that exists can be subscribed to, and `most` names by one account.
CREATE OR REPLACE FUNCTION chatmail.subscribe(account bigint, wanted text, most integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    IF NOT lock_mailboxes(account) THEN
        RETURN 'gone';
    ELSIF NOT EXISTS (SELECT FROM mailbox b WHERE b.account_id = account AND b.name = wanted) THEN
        RETURN 'missing';
    ELSIF (SELECT count(*) FROM subscription s WHERE s.account_id = account AND s.name <> wanted) >= most THEN
        RETURN 'too many';
    END IF;
    INSERT INTO subscription (account_id, name) VALUES (account, wanted) ON CONFLICT DO NOTHING;
    RETURN 'done';
END $$;

CREATE OR REPLACE FUNCTION chatmail.unsubscribe(account bigint, unwanted text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM subscription s WHERE s.account_id = account AND s.name = unwanted;
    RETURN CASE WHEN FOUND THEN 'done' ELSE 'missing' END;
END $$;

-- Keywords: a mailbox has up to 58, and forgets none. A name is the same in any case.

-- Return `known` with those of `wanted` that are missing, as long as there is room.
CREATE OR REPLACE FUNCTION chatmail.joined_keywords(known text[], wanted text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = chatmail, pg_temp AS $$
DECLARE
    joined text[] := coalesce(known, '{}');
    word text;
BEGIN
    FOREACH word IN ARRAY wanted LOOP
        IF cardinality(joined) < 58 AND lower(word) <> ALL (SELECT lower(j) FROM unnest(joined) j) THEN
            joined := joined || word;
        END IF;
    END LOOP;
    RETURN nullif(joined, '{}');
END $$;

-- Return the bits of `wanted` in a mailbox with the keywords `known`; what it does not know has none.
CREATE OR REPLACE FUNCTION chatmail.keyword_bits(known text[], wanted text[]) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = chatmail, pg_temp AS $$
    SELECT bit_or(1::bigint << (k.place + 4)::integer) FROM unnest(known) WITH ORDINALITY k(word, place)
        WHERE lower(k.word) IN (SELECT lower(w) FROM unnest(wanted) w)
$$;

-- Let a mailbox know these keywords; returns all that it knows then, NULL where it is gone.
CREATE OR REPLACE FUNCTION chatmail.add_keywords(mailbox bigint, wanted text[]) RETURNS text[]
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    UPDATE mailbox b SET keywords = joined_keywords(b.keywords, wanted) WHERE b.id = mailbox
        RETURNING coalesce(b.keywords, '{}')
$$;

-- Copy messages into a mailbox of the same account, or move them there (RFC 6851): all of those that exist, or none. Flags,
-- arrival and INTERNALDATE go along. Bodies are held, not copied, but count once more against the quota; raises CM001 where
-- that is too much. `copied` are the UIDs in the source, ascending; the new ones follow one another from `first_uid` on.
CREATE OR REPLACE FUNCTION chatmail.copy_messages(
    source bigint, uids bigint[], target_name text, default_quota bigint, is_move boolean
) RETURNS TABLE (outcome text, target bigint, uidvalidity bigint, modseq bigint, source_modseq bigint, copied bigint[],
    first_uid bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    account bigint := (SELECT b.account_id FROM mailbox b WHERE b.id = source);
    place bigint := (SELECT b.id FROM mailbox b WHERE b.account_id = account AND b.name = target_name);
    known text[];
    words text[];
    octets bigint;
BEGIN
    PERFORM FROM mailbox b WHERE b.id IN (source, place) ORDER BY b.id FOR UPDATE;
    known := (SELECT coalesce(b.keywords, '{}') FROM mailbox b WHERE b.id = source);
    IF known IS NULL THEN
        RETURN QUERY SELECT 'gone', NULL::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], 0::bigint;
        RETURN;
    END IF;
    SELECT coalesce(array_agg(m.uid ORDER BY m.uid), '{}'), coalesce(sum(m.size), 0), ARRAY(
            SELECT k.word FROM unnest(known) WITH ORDINALITY k(word, place)
                WHERE bit_or(m.keywords) & (1::bigint << (k.place + 4)::integer) <> 0 ORDER BY k.place)
        INTO copied, octets, words FROM message m WHERE m.mailbox_id = source AND m.uid = ANY (copy_messages.uids);
    IF NOT is_move AND octets > 0 AND octets + (SELECT sum(b.bytes) FROM mailbox b WHERE b.account_id = account)
            > (SELECT coalesce(a.quota, default_quota) FROM account a WHERE a.id = account) THEN
        RAISE EXCEPTION 'no room for copies' USING ERRCODE = 'CM001';
    END IF;
    UPDATE mailbox b SET uidnext = b.uidnext + cardinality(copied), modseq = b.modseq + sign(cardinality(copied))::integer,
            messages = b.messages + cardinality(copied), bytes = b.bytes + octets,
            keywords = CASE WHEN words = '{}' THEN b.keywords ELSE joined_keywords(b.keywords, words) END
        WHERE b.id = place
        RETURNING 'done', b.id, b.uidvalidity, b.modseq, b.uidnext - cardinality(copied), b.keywords
        INTO outcome, target, uidvalidity, modseq, first_uid, words;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'missing', NULL::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::bigint[], 0::bigint;
        RETURN;
    END IF;
    IF NOT is_move THEN
        PERFORM hold_bodies(source, copied);
    END IF;
    INSERT INTO message (mailbox_id, uid, body_id, modseq, arrived, size, flags, is_shared, keywords, dated, saved)
        SELECT place, first_uid + q.nth - 1, m.body_id, copy_messages.modseq, m.arrived, m.size, m.flags, m.is_shared,
            CASE WHEN m.keywords IS NOT NULL THEN keyword_bits(words, ARRAY(
                SELECT k.word FROM unnest(known) WITH ORDINALITY k(word, place)
                    WHERE m.keywords & (1::bigint << (k.place + 4)::integer) <> 0)) END, m.dated, now()
        FROM unnest(copied) WITH ORDINALITY q(uid, nth) JOIN message m ON m.mailbox_id = source AND m.uid = q.uid;
    IF is_move AND cardinality(copied) > 0 THEN
        DELETE FROM message m WHERE m.mailbox_id = source AND m.uid = ANY (copied);
        UPDATE mailbox b SET modseq = b.modseq + 1, messages = b.messages - cardinality(copied), bytes = b.bytes - octets
            WHERE b.id = source RETURNING b.modseq INTO source_modseq;
        INSERT INTO mailbox_change (mailbox_id, modseq, is_expunge, uids) VALUES (source, source_modseq, true, copied);
    END IF;
    RETURN NEXT;
END $$;

-- One more hold on the body of each of these messages.
CREATE OR REPLACE FUNCTION chatmail.hold_bodies(mailbox bigint, held bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM body_holders h WHERE h.body_id = ANY (ARRAY(
        SELECT m.body_id FROM message m WHERE m.mailbox_id = mailbox AND m.uid = ANY (held) AND m.is_shared))
        ORDER BY h.body_id FOR UPDATE;
    UPDATE body_holders h SET holders = h.holders + t.times FROM (
        SELECT m.body_id, count(*)::integer AS times FROM message m
            WHERE m.mailbox_id = mailbox AND m.uid = ANY (held) AND m.is_shared GROUP BY m.body_id) t
        WHERE h.body_id = t.body_id;
    WITH sole AS (
        UPDATE message m SET is_shared = true
            WHERE m.mailbox_id = mailbox AND m.uid = ANY (held) AND NOT m.is_shared RETURNING m.body_id
    )
    INSERT INTO body_holders (body_id, holders) SELECT s.body_id, 2 FROM sole s;
END $$;

-- APPEND: put these messages into a mailbox, all of them or none; the n-th has the octets bodies[n], the flags flags[n], the
-- keywords in words[n] (spaces between) and, where it is not NULL, the INTERNALDATE dates[n] in seconds since 1970. They are
-- no deliveries: the same octets twice are two messages, and no device is told. Raises CM001 where there is no room.
CREATE OR REPLACE FUNCTION chatmail.append_messages(
    account bigint, target_name text, bodies bytea[], header_sizes integer[], flags smallint[], words text[],
    dates double precision[], default_quota bigint
) RETURNS TABLE (outcome text, target bigint, uidvalidity bigint, modseq bigint, first_uid bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    octets bigint := (SELECT coalesce(sum(octet_length(b)), 0) FROM unnest(bodies) b);
    named text[] := ARRAY(SELECT w FROM unnest(words) q, unnest(string_to_array(q, ' ')) w);
    known text[];
    new_body bigint;
BEGIN
    UPDATE mailbox b SET uidnext = b.uidnext + cardinality(bodies), modseq = b.modseq + 1,
            messages = b.messages + cardinality(bodies), bytes = b.bytes + octets,
            keywords = CASE WHEN named = '{}' THEN b.keywords ELSE joined_keywords(b.keywords, named) END
        WHERE b.account_id = account AND b.name = target_name
        RETURNING 'done', b.id, b.uidvalidity, b.modseq, b.uidnext - cardinality(bodies), b.keywords
        INTO outcome, target, uidvalidity, modseq, first_uid, known;
    IF NOT FOUND THEN
        outcome := 'missing';
        RETURN NEXT;
        RETURN;
    END IF;
    IF (SELECT sum(b.bytes) FROM mailbox b WHERE b.account_id = account)
            > (SELECT coalesce(a.quota, default_quota) FROM account a WHERE a.id = account) THEN
        RAISE EXCEPTION 'no room' USING ERRCODE = 'CM001';
    END IF;
    FOR nth IN 1..cardinality(bodies) LOOP
        INSERT INTO body (header_size, data) VALUES (header_sizes[nth], bodies[nth]) RETURNING id INTO new_body;
        INSERT INTO message (mailbox_id, uid, body_id, modseq, size, flags, is_shared, keywords, dated)
            VALUES (target, first_uid + nth - 1, new_body, append_messages.modseq, octet_length(bodies[nth]),
                flags[nth], false, keyword_bits(known, string_to_array(words[nth], ' ')), to_timestamp(dates[nth]));
    END LOOP;
    RETURN NEXT;
END $$;
