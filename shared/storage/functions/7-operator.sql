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

CREATE OR REPLACE FUNCTION chatmail.operator_create_token(new_token text, uses integer, days integer, note text)
RETURNS void
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

-- Other servers ------------------------------------------------------------------------------------------------

-- Let addresses stand for an account: all of them or none. 'added', 'no account' where there is none to stand for, or
-- 'taken' where one of them is an account itself.
CREATE OR REPLACE FUNCTION chatmail.operator_add_aliases(addresses text[], new_target text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM account a WHERE a.address = new_target) THEN
        RETURN 'no account';
    END IF;
    IF EXISTS (SELECT FROM account a WHERE a.address = ANY (addresses)) THEN
        RETURN 'taken';
    END IF;
    INSERT INTO alias (address, target) SELECT x, new_target FROM unnest(addresses) x ORDER BY x
        ON CONFLICT (address) DO UPDATE SET target = new_target;
    RETURN 'added';
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_remove_aliases(addresses text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM alias WHERE address = ANY (addresses);
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION chatmail.operator_set_federation(of_domain text, is_allowed boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO federation (domain, may_pass) VALUES (of_domain, is_allowed)
        ON CONFLICT (domain) DO UPDATE SET may_pass = is_allowed
$$;

CREATE OR REPLACE FUNCTION chatmail.operator_set_route(of_domain text, host text, port integer, tls text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    INSERT INTO federation (domain, route_host, route_port, route_tls) VALUES (of_domain, host, port, tls)
        ON CONFLICT (domain) DO UPDATE SET route_host = host, route_port = port, route_tls = tls
$$;

CREATE OR REPLACE FUNCTION chatmail.operator_forget_federation(of_domain text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    DELETE FROM federation WHERE domain = of_domain;
    RETURN FOUND;
END $$;

-- The outbox's rows of one message, of one destination, or (both NULL) all of them. This and the next have no settings
-- of their own, so that the planner sees through them.
CREATE OR REPLACE FUNCTION chatmail.chosen_rows(of_message bigint, of_domain text) RETURNS SETOF chatmail.outbox
LANGUAGE sql STABLE AS $$
    SELECT o.* FROM chatmail.outbox o
        WHERE (of_message IS NULL OR o.message_id = of_message)
            AND (of_domain IS NULL
                OR o.destination_id = (SELECT d.id FROM chatmail.destination d WHERE d.domain = of_domain))
$$;

-- Whether a worker that lives is trying a row; what a dead one held is nobody's.
CREATE OR REPLACE FUNCTION chatmail.is_under_way(by_worker bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM chatmail.worker w WHERE w.token = by_worker AND w.alive_until > now())
$$;

-- Make the chosen rows due now, poison too, and open their destinations' doors. Returns how many are due.
CREATE OR REPLACE FUNCTION chatmail.operator_retry(of_message bigint, of_domain text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    times bigint;
BEGIN
    PERFORM FROM destination d WHERE d.id IN (SELECT c.destination_id FROM chosen_rows(of_message, of_domain) c)
        ORDER BY d.id FOR NO KEY UPDATE;
    UPDATE destination d SET failures = 0, retry_at = NULL
        WHERE d.id IN (SELECT c.destination_id FROM chosen_rows(of_message, of_domain) c)
            AND (d.failures > 0 OR d.retry_at IS NOT NULL);
    WITH free AS (
        SELECT o.id FROM outbox o WHERE o.id IN (SELECT c.id FROM chosen_rows(of_message, of_domain) c)
            AND NOT is_under_way(o.worker) ORDER BY o.id FOR UPDATE
    )
    UPDATE outbox o SET next_at = now(), is_poison = false, lost_leases = 0 FROM free f WHERE o.id = f.id;
    GET DIAGNOSTICS times = ROW_COUNT;
    RETURN times;
END $$;

-- Lock the chosen rows that nobody is trying, of up to `most` messages, for `operator_drop` in the same transaction;
-- they come with what a report to their senders needs of them. The body itself stays closed.
CREATE OR REPLACE FUNCTION chatmail.operator_droppable(of_message bigint, of_domain text, most integer)
RETURNS TABLE (
    message_id bigint, sender text, sender_mailbox bigint, domain text, header bytea,
    ids bigint[], recipients text[], codes integer[], texts text[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
DECLARE
    picked bigint[] := ARRAY(
        SELECT DISTINCT c.message_id FROM chosen_rows(of_message, of_domain) c
            WHERE NOT is_under_way(c.worker) ORDER BY c.message_id LIMIT most);
BEGIN
    PERFORM FROM mailbox b WHERE b.id IN (SELECT m.sender_mailbox FROM outbox_message m WHERE m.id = ANY (picked))
        ORDER BY b.id FOR UPDATE;
    PERFORM FROM outbox_message m WHERE m.id = ANY (picked) ORDER BY m.id FOR UPDATE;
    RETURN QUERY WITH free AS (
        SELECT o.* FROM outbox o
            WHERE o.message_id = ANY (picked) AND o.id IN (SELECT c.id FROM chosen_rows(of_message, of_domain) c)
                AND NOT is_under_way(o.worker)
            ORDER BY o.id FOR UPDATE
    ), grouped AS (
        SELECT f.message_id, array_agg(f.id ORDER BY f.recipient, f.id) AS ids,
                array_agg(f.recipient ORDER BY f.recipient, f.id) AS recipients,
                array_agg(f.last_code ORDER BY f.recipient, f.id) AS codes,
                array_agg(f.last_text ORDER BY f.recipient, f.id) AS texts
            FROM free f GROUP BY f.message_id
    )
    SELECT m.id, m.sender, m.sender_mailbox, m.domain, substring(b.data FROM 1 FOR b.header_size),
            g.ids, g.recipients, g.codes, g.texts
        FROM grouped g JOIN outbox_message m ON m.id = g.message_id JOIN body b ON b.id = m.body_id ORDER BY m.id;
END $$;

-- Drop the rows that `operator_droppable` has locked, tell their senders, and let go of messages nobody waits for any
-- more. Reports are those of messages[i]; NULL: nobody is told.
CREATE OR REPLACE FUNCTION chatmail.operator_drop(
    rows bigint[], messages bigint[], reports bytea[], header_sizes integer[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    times bigint;
BEGIN
    DELETE FROM outbox o WHERE o.id = ANY (rows) AND o.message_id = ANY (messages) AND NOT is_under_way(o.worker);
    GET DIAGNOSTICS times = ROW_COUNT;
    PERFORM put_report(t.sender_mailbox, t.report, t.header_size) FROM (
        SELECT m.sender_mailbox, q.report, q.header_size
            FROM unnest(messages, reports, header_sizes) q(id, report, header_size)
            JOIN outbox_message m ON m.id = q.id
            WHERE q.report IS NOT NULL AND m.sender_mailbox IS NOT NULL ORDER BY m.sender_mailbox, m.id) t;
    PERFORM drop_outbox(ARRAY(SELECT i FROM unnest(messages) i
        WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.message_id = i) ORDER BY i));
    RETURN times;
END $$;
