// Package daemon makes the agent a service of the operating system, and lets it
// live as one: systemd on Linux, launchd on macOS, the service manager on
// Windows.
//
// # What an installed agent is
//
//	           Linux                            macOS                              Windows
//	program    /usr/bin/picket-agent            /usr/local/bin/picket-agent        C:\Program Files\Picket\picket-agent.exe
//	state      /var/lib/picket-agent            /Library/Application Support/      C:\ProgramData\Picket\agent
//	                                            Picket/agent
//	settings   /etc/default/picket-agent        agent.env in the state             agent.env in the state
//	log        journal                          /Library/Logs/Picket/agent.log     logs\agent.log in the state; Event Log
//	service    picket-agent.service             io.picket.agent                    PicketAgent, "Picket Agent"
//	runs as    picket-agent with CAP_NET_RAW    root                               NT SERVICE\PicketAgent
//
// [Service.Install] makes all of it and may be repeated: it puts right what is
// not. [Service.Uninstall] removes all of it. A package of the distribution (deb,
// rpm) brings the same unit file and removes it by its own means, so here its
// files are left alone ([ErrPackaged]).
//
// # Decisions
//
// No secret is ever in the command line of a service, in its unit, plist or
// registry key: the join token is used up before the service exists, the key is
// in the state directory, and a proxy's password belongs into the settings file,
// which only the service and administrators may read.
//
// The program is copied to where only administrators may write. A service that
// runs from somebody's download folder is a way to become its user.
//
// On Linux root joins and another user runs. [HandOver], which systemd calls as
// root before every start, gives the service's user what root made. The unit
// does not run before there is an identity, so that a package that was installed
// and never joined is quiet.
//
// On Windows the service's own account has no rights but to its state directory,
// whose list of rights is set here: system, administrators, the service, and
// nobody else; what ProgramData would pass down (everybody may read) is cut off.
//
// On macOS it runs as root. Without root the ping of IPv4 does not work there,
// and a second account would be one more thing that cannot be tested by us: no
// Mac was available when this was written.
//
// Other managers than these three are refused: what this package promises about
// rights cannot be held there. `picket-agent run` runs below any supervisor.
//
// [kardianos/service] does the talking to the managers, with these exceptions,
// all on Windows: it can set one recovery action where three are wanted, its Stop
// waits for ever for a service that does not end, and it deletes and remakes
// where a change does.
//
// A log of Windows and macOS goes to a file that is bounded ([LogFile]): neither
// has a journal that would do that. Event numbers are for ever; they are listed
// at [EventStart].
//
// [kardianos/service]: https://github.com/kardianos/service
package daemon
