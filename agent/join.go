package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"picket/internal/identity"
	"picket/internal/uplink"
)

// JoinOptions say where and with what to enrol.
type JoinOptions struct {
	Dir     string         // state directory; made if it is not there
	Socket  net.PacketConn // to reach the collector; the caller closes it
	Token   identity.Token
	Policy  identity.Policy // what the probes may reach; kept with the identity
	Version string
}

// ErrNotStored says that the collector enrolled the agent but the identity
// could not be written, so that it is lost.
var ErrNotStored = errors.New("identity not stored")

// Join enrols this machine: it makes a key, has the collector sign it, and
// stores the identity in Dir. Nothing is sent before the collector has proved
// to hold the key pinned in the token ([identity.ErrPin]); what the collector
// refuses is an [*uplink.Refusal]. Dir is tried before the token is spent.
func Join(ctx context.Context, o JoinOptions) (uplink.EnrolResponse, error) {
	if err := identity.PrepareDir(o.Dir); err != nil {
		return uplink.EnrolResponse{}, err
	}
	key, err := identity.NewKey()
	if err != nil {
		return uplink.EnrolResponse{}, err
	}
	csr, err := identity.CSR(key)
	if err != nil {
		return uplink.EnrolResponse{}, err
	}
	host, _ := os.Hostname() // for people's orientation only
	res, err := uplink.Enrol(ctx, o.Socket, o.Token.Addrs, o.Token.Pin, uplink.EnrolRequest{
		TokenID: o.Token.ID, Secret: o.Token.Secret, CSR: csr,
		Hostname: host, OS: runtime.GOOS + "/" + runtime.GOARCH, Version: o.Version,
	})
	if err != nil {
		return res, err
	}
	info := identity.Info{Agent: res.Agent, Client: res.Client, Site: res.Site, Region: res.Region, Addrs: o.Token.Addrs, Policy: o.Policy}
	if _, err := identity.SaveBundle(o.Dir, key, res.Chain, res.Trust, info); err != nil {
		return res, fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	return res, nil
}
