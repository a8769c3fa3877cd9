// Package config reads the fleet file: what to watch, from which networks it is
// seen, and whom to tell.
//
// # The file
//
// Every key is optional; an empty file, or none, is a collector that watches
// the embedded catalogue of public cloud endpoints. example.yaml shows every
// key with a comment, and a test keeps it true. In short:
//
//	listen: 0.0.0.0:4443        # UDP and TCP address for agents
//	http: 127.0.0.1:8443        # the page, the JSON API and /metrics
//	tls: {cert_file, key_file} | {acme: {names, email, directory}} | {own_ca: true}  # of the page
//	names: [picket.example]     # under which people open the page
//	login: false                # a log-in on loopback too
//	behind_proxy: false         # a proxy in front adds TLS
//	trusted_proxies: [192.0.2.5/32]  # with behind_proxy: whose X-Forwarded-For is believed, beside loopback
//	data: /var/lib/picket       # databases, keys, the admin socket
//	public: [picket.example:4443]  # what join tokens tell agents to dial
//	influx: {url, org, bucket, token_file | token_env}
//	networks: [{prefix, name, upstream, metered}]   # who an address belongs to
//	politeness: 1s              # least time between two askings of a check by the whole fleet
//	interval: {http: 60s, tls: 60s, dns: 20s, ping: 20s, tcp: 20s}
//	traffic: {month: 5GB, metered_day: 100MB, sites: [{site, month, metered_day}]}  # what checks may cost a site
//	wan_check: true             # ask the public addresses of sites, as evidence when one falls silent
//	official: true              # read the status feeds of the providers that are watched
//	include_catalogue: true     # default: true if the file lists no targets
//	providers: [{id, name}]
//	clients: [{id, name, tier}]
//	targets: [{id, name, provider, service, region, depends, client, reference, host, ca | ca_file, checks: [...]}]
//	smtp: {host, port, from, username, password_file | password_env, security, hello}
//	alerts: [{name, WAY, delay, resolve_delay, kinds, min_confidence, escalate: {after, to}, only_escalation, fallback, zone,
//	         class, updates, quiet: [{days, from, to, zone, except}], clients: [ID], drills}] | shadow | {mode: live | shadow, routes: [...]}
//	fallback: ROUTE             # told in the place of a route whose way needs what is out
//	lookups: system             # which DNS server tells what routes and the page rely on; off, or its address
//	weekly_test: {day: monday, at: "09:00"}  # of every route; or off
//	digest: {mail: [addresses], at, zone}  # one mail a day: what happened, and what woke nobody
//	runbooks: [{url, provider, target, kinds}]  # where to read what to do; the first that matches counts
//	maintenance: [{from, to, provider, service, region, target, client, site, note}]  # planned work: not judged, nobody is told
//	             [{rrule, from, for, zone, ...}]  # the same, again and again: a rule of RFC 5545 by the clocks of a zone (recur.go)
//
// The WAY of an alert route is exactly one of
//
//	webhook: URL + (secret_file | secret_env)
//	mail: [addresses]
//	slack: {url_file | url_env}
//	teams: {url_file | url_env}
//	pagerduty: {key_file | key_env, url}
//	alertmanager: {url, username + (password_file | password_env) | token_file | token_env}
//	ticket: {webhook + (secret_file | secret_env), per: incident | client} | {mail: [addresses]}
//	shoutrrr: {url_file | url_env}
//
// A check is a kind's name alone (dns, ping, tcp, tls, http), which then asks
// the target's host with the defaults, or a block: {kind, id, host, url, port,
// interval, timeout, resolver, server_name, query, packets, method, path,
// status, body, family}. Its id in the fleet is "target/id", or "target/kind"
// when it has none. family: 4 or 6 asks over that IP version alone, and its id
// without one is "target/kind4" or "target/kind6"; a target with a check of each
// is judged over each by itself, so that an outage of IPv6 alone is told as one.
// Paths of files are relative to the folder of the fleet file.
//
// Clients are born with join tokens and live in the store, so that enrolling a
// customer needs no edit here. A clients list is therefore optional: with it, a
// target's client must be on it, which catches typing errors.
//
// A page that other machines can reach must have TLS, from here or from a proxy:
// passwords and sessions go over it. That is a problem and not a warning, so no
// Picket stands open on the internet by a forgotten line. For the same reason a
// mail password is not sent over an unencrypted connection.
//
// # Classes of routes
//
// A route's class says what it is for, and sets what the route does not say:
// page waits for nothing, chat 30 s, ticket 3 min, client 10 min, so that a blip
// reaches nobody but who asked for the first second. Who says neither class nor
// delay for a webhook or a mail waits 12 s, as always: it is told like a page,
// and what is gone within ten seconds never reaches it. Other ways are of the
// class that they are made for: a ticket system is a ticket, a chat is chat.
//
// # What a change would do
//
// [Diff] compares two files in words for people: which targets, checks, networks
// and routes come, go or change, whose agents notice, and which keys wait for a
// restart. It compares what the files mean, so comments, order of keys and
// defaults that were written out are no change. Secrets stay out of it: a webhook
// is only ever "another webhook". [File.Digest] is of the text and of what was
// read with it, and tells whether somebody looked at exactly this file.
//
// # Why so strict
//
// A monitor that quietly ignores a misspelt key watches something else than
// its owner believes, and that is found out on the worst day. So unknown keys,
// doubtful values, dangling names and double ids are problems, and a file with
// a problem is not used at all. Each [Problem] has file, line and column, says
// what is wrong and what to do, and all of a file are told at once. What is
// legal but unwise is a warning ([File.Warnings]).
//
// The file is read by collector/config/strict; schema.go, doors.go (the page and
// mail), targets.go, routes.go, maintenance.go and recur.go say which keys there are.
//
// # The catalogue
//
// catalogue.yaml is a file in the same format with the endpoints of the large
// clouds that answer strangers, and reference targets on unrelated operators by
// which agents judge their own line. Its intervals are slower than the defaults
// of an own target: a test holds the whole of it under 5 GB a month per site. A
// file that includes it replaces an entry by listing a target with the same id.
package config
