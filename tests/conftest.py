pytest_plugins = ["tests.fixtures_mail_world"]
