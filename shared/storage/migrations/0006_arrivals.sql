-- `accept` now tells the UID, too; what a function returns cannot be replaced, so it is made anew with the others.
DROP FUNCTION IF EXISTS chatmail.accept;
