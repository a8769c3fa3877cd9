package main

import (
	"context"
	"errors"
	"log/slog"

	"picket/agent"
	"picket/internal/identity"
	"picket/internal/uplink"
)

// awaitApproval goes on with a join that waits for the approval of an admin. It
// returns false if there is none; after true and no failure this machine is
// enrolled, unless ctx has ended.
func awaitApproval(ctx context.Context, state, bind, proxied string, log *slog.Logger) (bool, error) {
	_, there, err := agent.LoadWaiting(state)
	switch {
	case err != nil:
		return true, &failure{exitPermission, "the request that waits for approval in " + state + " cannot be read", err, "run as the user who joined"}
	case !there:
		return false, nil
	}
	log.Info("not enrolled yet: waiting for the approval of an admin")
	err = agent.Await(ctx, state, log, func(ctx context.Context, w agent.Waiting) error {
		token, err := identity.ParseToken(w.Token)
		if err != nil {
			return errors.Join(agent.ErrState, err)
		}
		ways, err := waysOf(state, bind, proxied)
		if err != nil {
			return err
		}
		res, err := agent.Join(ctx, agent.JoinOptions{Dir: state, Ways: ways, Token: token, Site: w.Site, Policy: w.Policy, Version: version})
		if err == nil {
			log.Info("approved and enrolled", "agent", res.Agent, "site", res.Site)
		}
		return err
	})
	if r, ok := errors.AsType[*uplink.Refusal](err); ok {
		return true, &failure{exitAuth, "the Picket server refused: " + r.Message, nil, r.Fix}
	}
	return true, err
}

// tokenOfBundle reads the token of a file that picket token create --offline made.
func tokenOfBundle(path string) (identity.Token, error) {
	f, err := identity.ReadJoinFile(path)
	switch {
	case errors.Is(err, identity.ErrTokenCut), errors.Is(err, identity.ErrTokenForm), errors.Is(err, identity.ErrJoinFile):
		return identity.Token{}, &failure{exitUsage, "E101 the join bundle " + path + " is damaged, or none", err, "copy it again, or make a new one on the Picket server: picket token create --offline"}
	case err != nil:
		return identity.Token{}, &failure{exitUsage, "the join bundle cannot be used", err, ""}
	}
	return f.Token, nil
}
