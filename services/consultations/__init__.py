"""Online consultation (网上咨询): a resident's conversation with the bot and with staff."""
