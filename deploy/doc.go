// Package deploy holds what Picket servers and agents are installed with, and the
// tests that keep it true; there is no code in it.
//
//	picket-collector.service  the hardened systemd unit
//	debian/, nfpm.yaml        the Debian package; build-deb.sh makes it
//	module/                   pins nfpm, so that its dependencies stay out of Picket's
//	compose.yaml, compose/    InfluxDB 2, Grafana and the Picket server in containers;
//	                          docs/install/grafana.md tells of it
//	Dockerfile                the server's image
//	README.md, upgrade.md     for who installs and upgrades it
//	build-agent.sh, agent/    the agent's packages: deb, rpm, tar.gz, zip, MSI, image
//	install.sh, install.ps1   install, repair and remove an agent in one line
//	rmm/                      wrappers for remote management products
//
// The agent's unit, plist and Windows service are in cmd/picket-agent/daemon, its
// pages in docs/install.
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
// # The agent's packages
//
// Everything that an agent's installation decides, the program decides (service
// install), so that MSI, zip, archive and script cannot differ; deb and rpm bring
// the same unit and leave the rest to it. The package starts nothing by itself:
// the unit waits for an identity, and the join starts it.
//
// Installers compare every file with SHA256SUMS before they look into it, and the
// list itself with a checksum on the command line where one is given: then the
// place that serves them need not be trusted. There are no signatures yet.
//
// The MSI runs the join with the token in a command line, because Windows
// Installer hands deferred actions nothing else that a plain program can read;
// it is in no log, and only administrators see it while it runs. wixl 0.101 puts
// actions that come before something at the very beginning, writes the time of
// the build, and knows neither rollback nor hidden targets: agent/build-msi.sh
// sets all that afterwards.
//
// cyclonedx-gomod is v1.7.0 because later ones could not be fetched.
//
// What was run: the deb, the archive and install.sh in an overlay over Debian,
// with a stand-in for systemctl that obeys the unit's users, rights, conditions
// and programs; the MSI and the program in Wine 8, which has no UDP sockets for Go,
// no IPv6 ping, no rollback actions and no access lists that mean anything. What
// was not: install.ps1 and the RMM wrappers (no PowerShell could be had), the
// rpm's scripts, macOS, the image.
//
// No container was ever started from compose.yaml and Dockerfile where they were
// written: their form is tested, they are not.
package deploy
