"""What both doors for strangers' mail share: who a message really comes from."""
