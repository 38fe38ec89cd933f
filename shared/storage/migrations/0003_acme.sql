-- Certificates from an authority: the account, what it is answered, what it issued, how asking goes.

-- One row an authority that was ever asked; the worker's alone.
CREATE TABLE chatmail.acme_account (
    directory   text PRIMARY KEY, -- its address
    private_key text NOT NULL,    -- PEM
    made        timestamptz NOT NULL DEFAULT now()
);

-- What register answers while the authority looks (RFC 8555 §8.3).
CREATE TABLE chatmail.acme_challenge (
    token   text PRIMARY KEY,
    answer  text NOT NULL,
    expires timestamptz NOT NULL
);

-- The certificate in force, one row at the most; a new one has a new id.
CREATE TABLE chatmail.acme_certificate (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain       text NOT NULL, -- PEM
    private_key text NOT NULL, -- PEM
    names       text[] NOT NULL,
    not_before  timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,
    directory   text NOT NULL, -- whose it is
    issued      timestamptz NOT NULL DEFAULT now()
);

-- One row: how asking goes. Whoever raises `attempt` first asks, alone, until `leased_until`.
CREATE TABLE chatmail.acme_state (
    is_only        boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    attempt        bigint NOT NULL DEFAULT 0,
    leased_until   timestamptz NOT NULL DEFAULT 'epoch',
    next_at        timestamptz NOT NULL DEFAULT now(), -- not before
    failures       integer NOT NULL DEFAULT 0,         -- in a row, one under way included
    is_wanted      boolean NOT NULL DEFAULT false,     -- the operator asked, due or not
    problem        text,                               -- what was wrong last, in a word
    problem_names  text[] NOT NULL DEFAULT '{}',       -- with which names of ours
    problem_at     timestamptz,
    left_out       text[] NOT NULL DEFAULT '{}',       -- names the authority could not find us at, …
    left_out_until timestamptz NOT NULL DEFAULT 'epoch' -- … until it is asked again
);
INSERT INTO chatmail.acme_state DEFAULT VALUES;
