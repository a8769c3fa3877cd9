// Package deploy holds what a Picket server is installed with, and the tests
// that keep it true; there is no code in it.
//
//	picket-collector.service  the hardened systemd unit
//	debian/, nfpm.yaml        the Debian package; build-deb.sh makes it
//	module/                   pins nfpm, so that its dependencies stay out of Picket's
//	compose.yaml, compose/    InfluxDB 2, Grafana and the Picket server in containers
//	Dockerfile                the server's image
//	README.md, upgrade.md     for who installs and upgrades it
//
// # Decisions
//
// The package starts nothing: a server without set-up would make its keys and
// listen before anybody said under which name. Set-up is run by root, as people
// do, and the service runs as user picket; a script that systemd runs before
// every start (debian/hand-over) gives picket what root made. The unit runs
// without --config, because a restart must bring back what was applied, not a
// file that somebody is editing. Data, keys and configuration survive the
// removal of the package and end with its purge.
//
// The system calls that a server makes were traced while it started, showed its
// page and stopped: the unit's filter allows all of them (SQLite's fchown is made
// by root only). The unit itself was verified and rated by systemd-analyze, and
// never run by systemd, which was not there.
//
// nfpm is v2.43.4 and not the latest: later ones need modules that could not be
// fetched here. It packs, it does not judge; lintian did that by hand.
//
// No container was ever started from compose.yaml and Dockerfile where they were
// written: their form is tested, they are not.
package deploy
