-- Certificates from an authority (RFC 8555). Of all workers one asks at a time: it takes the next number of attempt, which
-- is a lease, and everything it writes names that number. A failure is counted when an attempt begins, so that one that
-- dies in the middle, again and again, has its back-off too.

-- Begin the attempt after `seen`, if it may begin by now and nobody was first; returns its number, or NULL. Should it be
-- lost, the next one begins `retry_seconds` from now at the soonest.
CREATE OR REPLACE FUNCTION chatmail.acme_begin(seen bigint, lease_seconds double precision, retry_seconds double precision)
RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    UPDATE acme_state SET attempt = attempt + 1, failures = failures + 1, problem = 'interrupted', problem_names = '{}',
            problem_at = now(), leased_until = now() + make_interval(secs => lease_seconds),
            next_at = now() + make_interval(secs => retry_seconds)
        WHERE attempt = seen AND leased_until <= now() AND next_at <= now() RETURNING attempt
$$;

-- The attempt goes on; false if it is over.
CREATE OR REPLACE FUNCTION chatmail.acme_stay(mine bigint, lease_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    UPDATE acme_state SET leased_until = now() + make_interval(secs => lease_seconds)
        WHERE attempt = mine AND leased_until > 'epoch';
    RETURN FOUND;
END $$;

-- The account's key with this authority: the one offered, if there was none.
CREATE OR REPLACE FUNCTION chatmail.acme_key(of_directory text, offered text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    INSERT INTO acme_account (directory, private_key) VALUES (of_directory, offered) ON CONFLICT DO NOTHING;
    RETURN (SELECT a.private_key FROM acme_account a WHERE a.directory = of_directory);
END $$;

-- From now on register gives these answers, for an hour or until the attempt ends; false if it has.
CREATE OR REPLACE FUNCTION chatmail.acme_offer(mine bigint, tokens text[], answers text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    PERFORM FROM acme_state s WHERE s.attempt = mine AND s.leased_until > 'epoch' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM acme_challenge;
    INSERT INTO acme_challenge (token, answer, expires)
        SELECT q.t, q.a, now() + interval '1 hour' FROM unnest(tokens, answers) q(t, a) ORDER BY q.t
        ON CONFLICT (token) DO UPDATE SET answer = excluded.answer, expires = excluded.expires;
    RETURN true;
END $$;

-- All answers that hold now.
CREATE OR REPLACE FUNCTION chatmail.acme_answers() RETURNS TABLE (token text, answer text)
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    SELECT c.token, c.answer FROM acme_challenge c WHERE c.expires > now()
$$;

-- The attempt ends well: this certificate is in force. False if the attempt was over, and nothing changes.
CREATE OR REPLACE FUNCTION chatmail.acme_issued(
    mine bigint, of_directory text, new_chain text, new_key text, new_names text[],
    new_not_before timestamptz, new_not_after timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    UPDATE acme_state SET leased_until = 'epoch', next_at = now(), failures = 0, is_wanted = false,
            problem = NULL, problem_names = '{}', problem_at = NULL
        WHERE attempt = mine AND leased_until > 'epoch';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM acme_challenge;
    DELETE FROM acme_certificate;
    INSERT INTO acme_certificate (directory, chain, private_key, names, not_before, not_after)
        VALUES (of_directory, new_chain, new_key, new_names, new_not_before, new_not_after);
    RETURN true;
END $$;

-- The attempt ends badly: what was wrong, with which names, and when to try again. `leave_out` are names to do without for
-- so many seconds, beside those left out already.
CREATE OR REPLACE FUNCTION chatmail.acme_failed(
    mine bigint, word text, of_names text[], retry_seconds double precision, leave_out text[], out_seconds double precision
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
BEGIN
    UPDATE acme_state SET leased_until = 'epoch', next_at = now() + make_interval(secs => retry_seconds),
            problem = word, problem_names = of_names, problem_at = now(),
            left_out = CASE WHEN leave_out = '{}' THEN left_out WHEN left_out_until > now() THEN left_out || leave_out
                ELSE leave_out END,
            left_out_until = CASE WHEN leave_out = '{}' THEN left_out_until
                ELSE now() + make_interval(secs => out_seconds) END
        WHERE attempt = mine AND leased_until > 'epoch';
    IF FOUND THEN
        DELETE FROM acme_challenge;
        RETURN true;
    END IF;
    RETURN false;
END $$;

-- Ask for a certificate now, due or not, and for every name again.
CREATE OR REPLACE FUNCTION chatmail.operator_renew_certificate() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = chatmail, pg_temp AS $$
    UPDATE acme_state SET is_wanted = true, next_at = now(), failures = 0, left_out = '{}', left_out_until = 'epoch'
$$;
