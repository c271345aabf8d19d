"""Messages to residents: templates, consents, channel choice, delivery, receipts and the inbox.

Every message is in the resident's inbox from the start; WeChat and SMS are how it is brought to their notice.
Invariant: one consent is one WeChat message, no message goes out twice for one cause, none is lost without
a visible failure.
"""
