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
    -- An address that stands for somebody's account is taken: its mail goes there.
    IF EXISTS (SELECT FROM alias s WHERE s.address = new_address) THEN
        RETURN false;
    END IF;
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
