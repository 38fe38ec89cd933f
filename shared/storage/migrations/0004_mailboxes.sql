-- Mailboxes besides INBOX: names subscribed to, what they are for, keywords, and dates that are not the arrival's.
-- Every new column is NULL where it says nothing, so that no row is written anew.

CREATE TABLE chatmail.subscription (
    account_id bigint NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (account_id, name)
);

ALTER TABLE chatmail.mailbox ADD COLUMN special_use text, ADD COLUMN has_others boolean,
    ADD COLUMN keywords text[];
ALTER TABLE chatmail.message
    ADD COLUMN keywords bigint, ADD COLUMN dated timestamptz, ADD COLUMN saved timestamptz;
