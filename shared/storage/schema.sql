-- The schema as it is today. migrations/ lead here; a test holds the two together.
--
-- Strategy: services read tables and write through functions. A function runs with the owner's rights, takes
-- whole batches as arrays and touches mailboxes in id order, so that two batches can never wait for each other
-- in a circle. docs/storage.md tells the reasons.

CREATE SCHEMA chatmail;

-- One row: what all replicas must agree on and no operator should have to make.
CREATE TABLE chatmail.suite (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    registration    text CHECK (registration IN ('open', 'closed', 'token')), -- NULL: as MADDY_REGISTRATION says
    login_key       bytea NOT NULL, -- keys the cache of verified passwords
    certificate     text NOT NULL,  -- self-signed, until an operator gives files
    certificate_key text NOT NULL
);

CREATE TABLE chatmail.account (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address       text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    quota         bigint CHECK (quota > 0), -- NULL: as MADDY_QUOTA says
    born          date NOT NULL DEFAULT current_date
);

-- Apart from account, so that a login rewrites a small row and nothing that is indexed.
CREATE TABLE chatmail.last_login (
    account_id bigint PRIMARY KEY,
    day        date NOT NULL DEFAULT current_date
) WITH (fillfactor = 50);

-- Addresses that are not born again, and may not log in.
CREATE TABLE chatmail.barred (
    address text PRIMARY KEY,
    reason  text NOT NULL CHECK (reason IN ('deleted', 'banned')),
    since   date NOT NULL DEFAULT current_date
);

CREATE TABLE chatmail.token (
    token   text PRIMARY KEY,
    uses    integer NOT NULL CHECK (uses >= 0), -- how often it may still be used
    expires timestamptz,
    note    text NOT NULL DEFAULT '',
    made    date NOT NULL DEFAULT current_date
);

-- A mailbox deleted and made again must not carry its old UIDVALIDITY (RFC 3501 §2.3.1.1).
CREATE SEQUENCE chatmail.uidvalidity AS bigint MINVALUE 1 MAXVALUE 4294967295;

-- Only id and name are indexed: every update of the counters stays in its page (HOT).
CREATE TABLE chatmail.mailbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL REFERENCES chatmail.account (id),
    name        text NOT NULL,
    uidvalidity bigint NOT NULL DEFAULT nextval('chatmail.uidvalidity'),
    uidnext     bigint NOT NULL DEFAULT 1,
    modseq      bigint NOT NULL DEFAULT 1,
    messages    integer NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,
    wants_push  boolean NOT NULL DEFAULT false, -- its account has tokens in push_token
    special_use text,   -- RFC 6154, as '\Sent'; NULL: none
    has_others  boolean, -- of an INBOX: its account has had other mailboxes, whose octets count with its own; NULL: no
    keywords    text[], -- the n-th (from 1) names the bit 1 << (n + 4) in its messages; NULL: none
    UNIQUE (account_id, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The names that LSUB shows (RFC 3501 §6.3.6); INBOX always counts as one, and a name may outlive its mailbox.
CREATE TABLE chatmail.subscription (
    account_id bigint NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- Immutable, uncompressed (ciphertext does not shrink, and slices of EXTERNAL values read cheaply).
CREATE TABLE chatmail.body (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    header_size integer NOT NULL,
    data        bytea NOT NULL
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE chatmail.body ALTER COLUMN data SET STORAGE EXTERNAL;

-- How many messages hold a body that was stored for several recipients; no row means one holder.
CREATE TABLE chatmail.body_holders (
    body_id bigint PRIMARY KEY,
    holders integer NOT NULL CHECK (holders > 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE chatmail.message (
    mailbox_id bigint NOT NULL,
    uid        bigint NOT NULL,
    body_id    bigint NOT NULL,
    modseq     bigint NOT NULL,
    arrived    timestamptz NOT NULL DEFAULT now(), -- here, by this clock, with its first copy: what expiry counts from
    size       integer NOT NULL,
    flags      smallint NOT NULL DEFAULT 0, -- \Seen 1 \Answered 2 \Flagged 4 \Deleted 8 \Draft 16
    is_shared  boolean NOT NULL,            -- its body has a row in body_holders
    keywords   bigint,      -- bits 32 and above, named by the mailbox; NULL: none
    dated      timestamptz, -- its INTERNALDATE; NULL: when it arrived
    saved      timestamptz, -- when it came into this mailbox (RFC 8514); NULL: when it arrived
    PRIMARY KEY (mailbox_id, uid)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- For EXPUNGE. It ends HOT updates of flags, which costs less than the reading of whole mailboxes did.
CREATE INDEX message_deleted ON chatmail.message (mailbox_id, uid) WHERE flags & 8 <> 0;

-- What sessions other than the one that did it must still hear of: one row an operation, kept for a day.
-- Arrivals need none: they are the UIDs from the session's uidnext on.
CREATE TABLE chatmail.mailbox_change (
    mailbox_id bigint NOT NULL,
    modseq     bigint NOT NULL,
    is_expunge boolean NOT NULL, -- else: flags
    uids       bigint[] NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mailbox_id, modseq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- What was accepted lately, so that a client that missed its 250 and repeats the same octets stores nothing twice.
CREATE TABLE chatmail.receipt (
    mailbox_id bigint NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 over envelope sender, NUL, octets as received
    day        date NOT NULL DEFAULT current_date,
    PRIMARY KEY (mailbox_id, digest)
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- Other servers ------------------------------------------------------------------------------------------------

CREATE TABLE chatmail.dkim_key (
    domain      text NOT NULL,
    selector    text NOT NULL,
    private_key text NOT NULL, -- PEM; the worker's alone
    record      text NOT NULL, -- what to publish at selector._domainkey.domain
    PRIMARY KEY (domain, selector)
);

-- The operator's word about other domains; '*' is the rule for those without one.
CREATE TABLE chatmail.federation (
    domain     text PRIMARY KEY,
    may_pass   boolean NOT NULL DEFAULT true,
    route_host text, -- NULL: as DNS says
    route_port integer CHECK (route_port BETWEEN 1 AND 65535),
    route_tls  text CHECK (route_tls IN ('verified', 'encrypted', 'any'))
);

-- Addresses that stand for an account here.
CREATE TABLE chatmail.alias (
    address text PRIMARY KEY,
    target  text NOT NULL
);

-- One row a worker process; destinations it has leased are its own while the row is there.
CREATE TABLE chatmail.worker (
    token       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alive_until timestamptz NOT NULL, -- after that, anybody may give it up: the row goes
    suspect     bigint                -- the message it took last of those that were lost with two workers
) WITH (fillfactor = 50);

-- A domain that mail waits for, leased as a whole.
CREATE TABLE chatmail.destination (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain   text NOT NULL UNIQUE,
    worker   bigint,              -- whose it is now
    failures integer NOT NULL DEFAULT 0, -- in a row that did not reach it
    retry_at timestamptz,         -- not before, while failures > 0
    used     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- A message with recipients elsewhere; it holds its body as a mailbox's message does.
CREATE TABLE chatmail.outbox_message (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body_id        bigint NOT NULL,
    is_shared      boolean NOT NULL, -- its body has a row in body_holders
    size           integer NOT NULL,
    recipients     integer NOT NULL, -- how many it had at first
    reports        smallint NOT NULL DEFAULT 0, -- how many its sender has got
    sender         text NOT NULL,    -- the envelope's; empty for a report
    sender_mailbox bigint,           -- who is told when it fails; NULL for a report: nobody
    domain         text NOT NULL,    -- whose key signs it
    signature      bytea,            -- DKIM-Signature fields, made once, before the first dial
    is_warned      boolean NOT NULL DEFAULT false,
    accepted       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON chatmail.outbox_message (sender_mailbox);
CREATE INDEX ON chatmail.outbox_message (accepted);

-- One recipient elsewhere. A row that is done goes.
CREATE TABLE chatmail.outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id     bigint NOT NULL,
    destination_id bigint NOT NULL,
    recipient      text NOT NULL,
    attempts       integer NOT NULL DEFAULT 0,
    lost_leases    integer NOT NULL DEFAULT 0, -- in a row; three are poison
    worker         bigint,                     -- who is trying it now
    next_at        timestamptz NOT NULL DEFAULT now(),
    is_poison      boolean NOT NULL DEFAULT false, -- set aside until the operator says otherwise
    last_code      integer,
    last_text      text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON chatmail.outbox (message_id);
CREATE INDEX ON chatmail.outbox (destination_id, next_at) WHERE NOT is_poison;

-- MTA-STS policies of other domains (RFC 8461 §3), for all workers.
CREATE TABLE chatmail.sts_policy (
    domain  text PRIMARY KEY,
    id      text NOT NULL,
    policy  bytea NOT NULL,
    fetched timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL
);

-- How TLS went with other domains (RFC 8460 §4.3 names the results); kept for a week.
CREATE TABLE chatmail.tls_result (
    day         date NOT NULL DEFAULT current_date,
    domain      text NOT NULL,
    policy_type text NOT NULL,
    result      text NOT NULL,
    sessions    bigint NOT NULL,
    PRIMARY KEY (day, domain, policy_type, result)
) WITH (fillfactor = 50);

-- What wakes an account's devices.
CREATE TABLE chatmail.push_token (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    token      bytea NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    first_due  timestamptz, -- since when it should be told; NULL: nothing to tell
    next_at    timestamptz, -- when to tell it, or when whoever is telling it now has failed to
    attempts   integer NOT NULL DEFAULT 0,
    has_more   boolean NOT NULL DEFAULT false -- mail came after the last attempt began
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX ON chatmail.push_token (account_id, sha256(token)); -- a token may be too long for an index itself
CREATE INDEX ON chatmail.push_token (next_at) WHERE next_at IS NOT NULL;

-- Accounts with new mail whose devices are to be told: apart, so that a delivery waits for nobody's telling.
CREATE TABLE chatmail.push_due (
    account_id bigint PRIMARY KEY,
    since      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Certificates from an authority (ACME, RFC 8555) ----------------------------------------------------------------

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

-- Which files of migrations/ this database has seen.
CREATE TABLE chatmail.migration (
    name text PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT now()
);
