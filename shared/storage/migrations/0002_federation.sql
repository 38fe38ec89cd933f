-- Mail to and from other servers: keys, rules, aliases, the outbox, push.

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

ALTER TABLE chatmail.mailbox ADD COLUMN wants_push boolean NOT NULL DEFAULT false;
