"""What people and tests see of the sandbox: charges, mails, events received, the wire log, faults."""
