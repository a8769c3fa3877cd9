package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"picket/agent"
	"picket/agent/doctor"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// preflightFailure is a failed check of the preflight as the end of a join.
func preflightFailure(f uplink.Finding) error {
	code := exitNetwork
	switch f.Code {
	case "E107":
		code = exitEnvironment
	case "E110":
		code = exitBlocked
	case "":
		if f.ID == "buffer" || f.ID == "files" {
			code = exitEnvironment
		}
	}
	return &failure{code, strings.TrimSpace(f.Code + " " + f.Text), errors.New(f.Means + "; the token was not used"), f.Fix}
}

// explainState says why the state directory cannot be used. No rights to it is
// E109.
func explainState(err error, dir string) error {
	if errors.Is(err, fs.ErrPermission) && !elevated() {
		fix := "run it with sudo, or as the agent's user"
		if runtime.GOOS == "windows" {
			fix = "run it from a PowerShell or command prompt opened with \"Run as administrator\""
		}
		return &failure{exitPermission, "E109 this account may not use the state directory " + dir + "; the token was not used", err,
			fix + "; to try without installing, name a directory of your own: --state DIRECTORY"}
	}
	if errors.Is(err, agent.ErrBusy) {
		return &failure{exitPermission, "an agent runs on the state directory " + dir + "; the token was not used", nil,
			"stop it, then run this again: picket-agent service stop (a join starts the service again), or end the picket-agent run that uses it"}
	}
	fix := "repair it, or name another with --state"
	if !errors.Is(err, agent.ErrState) {
		fix = "repair it, name another with --state, or replace the identity with --force-new-identity"
	}
	return &failure{exitPermission, "the state directory " + dir + " cannot be used; the token was not used", err, fix}
}

// elevated says whether more rights are hardly to be had. Windows is asked by
// what it refused.
func elevated() bool { return runtime.GOOS != "windows" && os.Geteuid() == 0 }

// explainEnrol turns what enrolment met into a coded failure with a remedy.
func explainEnrol(err error, o agent.JoinOptions) error {
	addrs := strings.Join(o.Token.Addrs, ", ")
	if r, ok := errors.AsType[*uplink.Refusal](err); ok {
		return explainRefusal(r)
	}
	switch {
	case errors.Is(err, agent.ErrNotStored):
		return &failure{exitPermission, "the Picket server enrolled this machine, but the identity cannot be stored in " + o.Dir, err,
			"make room or give this user the right to write there, then run the same command again: the same token gives the same identity"}
	case errors.Is(err, agent.ErrState):
		return explainState(err, o.Dir)
	case errors.Is(err, context.Canceled):
		return &failure{exitInterrupted, "interrupted", nil, "run the same command again: the same token goes on where it was"}
	case errors.Is(err, agent.ErrNames):
		return &failure{exitNetwork, "E103 this machine cannot resolve " + addrs, plainError(err), "repair DNS, or join with --resolve IP and the address of the Picket server"}
	case errors.Is(err, uplink.ErrProxyAuth):
		return &failure{exitNetwork, "E108 the proxy wants a user name and password (407)", plainError(err), "join with --proxy http://USER@HOST:PORT and put the password into " + filepath.Join(o.Dir, "proxy.secret") + " (mode 0600)"}
	case errors.Is(err, identity.ErrPin), intercepted(err):
		return &failure{exitNetwork, "E106 what answers at " + addrs + " is not the Picket server of this token; nothing was sent to it", plainError(err),
			"exempt it from TLS inspection; if the Picket server was set up anew, make a new token"}
	}
	return &failure{exitNetwork, "E105 the connection to the Picket server at " + addrs + " broke while joining", plainError(err),
		"run the same command again: the same token goes on where it was and uses nothing up"}
}

func intercepted(err error) bool {
	_, ok := errors.AsType[*uplink.InterceptedError](err)
	return ok
}

// plainError is err on one line and without credentials.
func plainError(err error) error { return errors.New(oneLine(doctor.Redact(err.Error()))) }

// explainRefusal words what the collector said no to.
func explainRefusal(r *uplink.Refusal) error {
	fresh := cmp.Or(r.Fix, "make a new one on the Picket server: picket token create --client CLIENT --site SITE")
	switch r.Code {
	case "token_expired", "token_used", "token_revoked", "token_unknown", "token_site":
		return &failure{exitAuth, "E102 the Picket server refused the join token: " + r.Message, nil, fresh}
	case uplink.Waiting:
		return &failure{exitOK, "E112 " + r.Message, nil, cmp.Or(r.Fix, "an admin approves it on the Picket server: picket agent approve "+r.Request) +
			"; this window may be closed: the running agent (picket-agent run) finishes by itself"}
	case "denied":
		return &failure{exitAuth, "E112 " + r.Message, nil, cmp.Or(r.Fix, "ask who may approve it on the Picket server")}
	case "clone":
		return &failure{exitAuth, "E111 " + r.Message, nil, cmp.Or(r.Fix, "give this machine an identity of its own: picket-agent join --force-new-identity TOKEN")}
	case "version":
		return &failure{exitVersion, "E113 the Picket server speaks another protocol: " + r.Message, nil, cmp.Or(r.Fix, "install the agent version that belongs to the server; what waits to be sent stays on disk")}
	case "busy":
		return &failure{exitNetwork, "the Picket server cannot enrol now: " + r.Message, nil, "run the same command again in a minute: the token is not used up"}
	}
	return &failure{exitAuth, fmt.Sprintf("the Picket server refused: %s", r.Message), nil, r.Fix}
}
