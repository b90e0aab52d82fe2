"""What operators write, typed: from `Pulumi.<env>.yaml` to a frozen `Platform`.

Importing this package reads nothing. Use `settings.load` to read, `settings.platform.Platform` as the type,
`settings.sizing.for_region` for replicas and memory, and `settings.names` for every shared name.
"""
