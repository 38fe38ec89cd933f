-- Push. Locks are taken in one order everywhere: mailboxes by id, then push_due, then push_token by id; so that
-- a delivery, a device and a worker can never wait for each other in a circle.

-- accounts[i] has a device with tokens[i], new or known; of an account's tokens the `most` set last stay.
CREATE OR REPLACE FUNCTION chatmail.set_push_tokens(accounts bigint[], tokens bytea[], most integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM mailbox b WHERE b.account_id = ANY (accounts) ORDER BY b.id FOR UPDATE;
    INSERT INTO push_token (account_id, token)
        SELECT q.account_id, q.token FROM unnest(accounts, tokens) q(account_id, token)
        WHERE EXISTS (SELECT FROM mailbox b WHERE b.account_id = q.account_id) ORDER BY q.account_id
        ON CONFLICT (account_id, sha256(token)) DO UPDATE SET set_at = now();
    PERFORM forget_tokens(ARRAY(SELECT o.id FROM (
        SELECT t.id, row_number() OVER (PARTITION BY t.account_id ORDER BY t.set_at DESC, t.id DESC) AS place
            FROM push_token t WHERE t.account_id = ANY (accounts)) o WHERE o.place > most));
    UPDATE mailbox b SET wants_push = true WHERE b.account_id = ANY (accounts) AND NOT b.wants_push;
END $$;

CREATE OR REPLACE FUNCTION chatmail.forget_push_tokens(accounts bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM mailbox b WHERE b.account_id = ANY (accounts) ORDER BY b.id FOR UPDATE;
    PERFORM forget_tokens(ARRAY(SELECT t.id FROM push_token t WHERE t.account_id = ANY (accounts)));
    UPDATE mailbox b SET wants_push = false WHERE b.account_id = ANY (accounts) AND b.wants_push;
END $$;

CREATE OR REPLACE FUNCTION chatmail.forget_tokens(doomed bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM push_token t WHERE t.id = ANY (doomed) ORDER BY t.id FOR UPDATE;
    DELETE FROM push_token t WHERE t.id = ANY (doomed);
END $$;

-- Tokens that are of no use any more; an account without another one wants no push.
CREATE OR REPLACE FUNCTION chatmail.remove_push_tokens(doomed bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    accounts bigint[] := ARRAY(SELECT t.account_id FROM push_token t WHERE t.id = ANY (doomed));
BEGIN
    PERFORM FROM mailbox b WHERE b.account_id = ANY (accounts) ORDER BY b.id FOR UPDATE;
    PERFORM forget_tokens(doomed);
    UPDATE mailbox b SET wants_push = false WHERE b.account_id = ANY (accounts) AND b.wants_push
        AND NOT EXISTS (SELECT FROM push_token t WHERE t.account_id = b.account_id);
END $$;

-- Remove up to `most` tokens that no device has set for `days`; return how many.
CREATE OR REPLACE FUNCTION chatmail.expire_push_tokens(days integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
DECLARE
    old bigint[] := ARRAY(SELECT t.id FROM push_token t WHERE t.set_at < now() - make_interval(days => days) LIMIT most);
BEGIN
    PERFORM remove_push_tokens(old);
    RETURN cardinality(old);
END $$;

-- What is told, or given up: told again if mail came meanwhile, else nothing more.
CREATE OR REPLACE FUNCTION chatmail.end_pushes(ended bigint[]) RETURNS void
LANGUAGE sql SET search_path = chatmail, pg_temp AS $$
    UPDATE push_token t SET attempts = 0, has_more = false,
            first_due = CASE WHEN t.has_more THEN now() END, next_at = CASE WHEN t.has_more THEN now() END
        WHERE t.id = ANY (ended)
$$;

-- Make the tokens of accounts with new mail due, and take up to `most` of those due: nobody else takes them for `lease`
-- seconds. What could not be told for `patience` seconds is given up. `age` is the seconds since the mail came.
CREATE OR REPLACE FUNCTION chatmail.claim_pushes(most integer, lease double precision, patience double precision)
RETURNS TABLE (id bigint, token bytea, attempts integer, age double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
#variable_conflict use_column
BEGIN
    WITH due AS (
        DELETE FROM push_due d WHERE d.account_id IN (
            SELECT n.account_id FROM push_due n ORDER BY n.account_id LIMIT 500 FOR UPDATE SKIP LOCKED)
        RETURNING d.account_id, d.since
    ), held AS (
        SELECT t.id, d.since FROM push_token t JOIN due d ON d.account_id = t.account_id ORDER BY t.id FOR UPDATE OF t
    )
    UPDATE push_token t SET has_more = t.next_at IS NOT NULL, first_due = coalesce(t.first_due, h.since),
            next_at = coalesce(t.next_at, now())
        FROM held h WHERE t.id = h.id;
    PERFORM end_pushes(ARRAY(
        SELECT t.id FROM push_token t WHERE t.next_at <= now() AND t.first_due < now() - make_interval(secs => patience)
            ORDER BY t.next_at LIMIT 500 FOR UPDATE SKIP LOCKED));
    RETURN QUERY UPDATE push_token t SET next_at = now() + make_interval(secs => lease), has_more = false
        FROM (SELECT n.id FROM push_token n WHERE n.next_at <= now() ORDER BY n.next_at LIMIT most
            FOR UPDATE SKIP LOCKED) d
        WHERE t.id = d.id
        RETURNING t.id, t.token, t.attempts, extract(epoch FROM now() - t.first_due)::double precision;
END $$;

-- The token ids[i] is to be told again in waits[i] seconds, or is done with where that is NULL.
CREATE OR REPLACE FUNCTION chatmail.settle_pushes(ids bigint[], waits double precision[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM push_token t WHERE t.id = ANY (ids) ORDER BY t.id FOR UPDATE;
    UPDATE push_token t SET attempts = t.attempts + 1, next_at = now() + make_interval(secs => q.wait)
        FROM unnest(ids, waits) q(id, wait) WHERE t.id = q.id AND q.wait IS NOT NULL;
    PERFORM end_pushes(ARRAY(SELECT q.id FROM unnest(ids, waits) q(id, wait) WHERE q.wait IS NULL));
END $$;
