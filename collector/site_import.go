package collector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"picket/collector/sitefile"
	"picket/collector/store"
	"picket/collector/web"
	"picket/internal/identity"
)

// ImportSites makes the sites of a list and a token for each that has none.
func (s source) ImportSites(ctx context.Context, by string, i web.SiteImport) ([]web.ImportedSite, error) {
	life, err := i.Lifetime()
	if err != nil {
		return nil, err
	}
	rows, err := s.readSites(i.CSV)
	if err != nil {
		return nil, err
	}
	if _, err := s.tokenText(store.Token{ID: "probe", Secret: make([]byte, 16)}); err != nil {
		return nil, err // before anything is made
	}
	now := time.Now()
	job := store.Import{Rows: rows, Plan: i.Plan, Renew: i.Renew, Uses: i.Uses, By: by}
	if life > 0 {
		job.Expires = now.Add(life)
	}
	done, err := s.c.store.ImportSites(ctx, job, now)
	if err != nil {
		return nil, err
	}
	list := make([]web.ImportedSite, len(done))
	made := 0
	for n, d := range done {
		if i.Renew {
			d.Standing = store.Token{} // it has ended, or would
		}
		if list[n], err = s.importedSite(d); err != nil {
			return nil, err
		}
		if d.Token.ID != "" {
			made++
		}
	}
	if !i.Plan {
		s.audit(ctx, by, "sites.import", fmt.Sprint(len(list), " sites"), fmt.Sprintf("%d join tokens made", made))
		s.c.log.Info("sites imported", "by", by, "sites", len(list), "tokens", made)
		s.c.fleetChanged()
	}
	return list, nil
}

// readSites reads a list; what is wrong with it is told all at once.
func (s source) readSites(text string) ([]store.SiteRow, error) {
	rows, problems := sitefile.Parse([]byte(text), func(r sitefile.Row) error {
		err := store.CheckSite(r.Client, r.Site, r.Region, r.ISP, r.HostedBy)
		if host := s.knownHost(r.HostedBy, "hosted_by"); host != nil {
			err = errors.Join(err, host)
		}
		return err
	})
	if len(problems) > 0 {
		var why []string
		for _, p := range problems {
			why = append(why, p.String())
		}
		return nil, &web.Error{Status: http.StatusBadRequest, Code: "sites", What: "nothing was imported", Why: "\n  " + strings.Join(why, "\n  "),
			Fix: "correct the file and import it again"}
	}
	out := make([]store.SiteRow, len(rows))
	for n, r := range rows {
		out[n] = store.SiteRow{Client: r.Client, Site: r.Site, Region: r.Region, Network: r.ISP, HostedBy: r.HostedBy}
	}
	return out, nil
}

func (s source) importedSite(d store.Imported) (web.ImportedSite, error) {
	v := web.ImportedSite{Client: d.Client, Site: d.Site, Region: d.Region, ISP: d.Network, HostedBy: d.HostedBy, Change: d.Change}
	switch {
	case d.Token.ID != "":
		token, err := s.tokenText(d.Token)
		if err != nil {
			return v, err
		}
		v.Token, v.ID, v.Expires = token, d.Token.ID, d.Token.Expires
	case d.Standing.ID != "":
		v.ID, v.Expires, v.Standing = d.Standing.ID, d.Standing.Expires, true
	}
	return v, nil
}

// tokenText is a token as it is pasted.
func (s source) tokenText(t store.Token) (string, error) {
	token := identity.Token{Addrs: s.c.publicAddrs(), Pin: s.c.authority.Pin(), ID: t.ID, Secret: t.Secret}
	if err := token.Valid(); err != nil {
		return "", &web.Error{Status: http.StatusInternalServerError, Code: "token", What: "the token was not made", Why: err.Error(),
			Fix: "name the collector's public address in the configuration: public: [collector.example:4443]"}
	}
	return token.String(), nil
}
