package inquiry

import (
	"fmt"
	"slices"
)

// foreignISP stands for an ISP that is none of the client's who looks.
const foreignISP = "another ISP"

// Concerns says whether people of client may see f at all: the answer to a
// question of theirs, or about one of their sites. client "" is the staff.
func (f Finding) Concerns(client string) bool { return client == "" || f.Client == client }

// For is f as people of client may see it; "" is the staff, who see all of it.
// The rows of other clients keep what they saw and lose whose they are and where,
// as do texts that agents wrote, which may name their machines. Their ISP stays if
// it is one of the client's own; others become "another ISP", counted where there
// are several, because a small one tells who its customers are. What Judge writes
// names no ISP that the client of f does not have. Ask [Finding.Concerns] first.
func (f Finding) For(client string) Finding {
	if client == "" {
		return f
	}
	f.Chain, f.Missing, f.Rows = slices.Clone(f.Chain), slices.Clone(f.Missing), slices.Clone(f.Rows)
	own := ispsIn(f.Rows, client)
	if client == f.Client {
		own = append(own, f.isps...)
	}
	var foreign []string // in the order of rows
	for _, r := range f.Rows {
		if r.Client != client && r.ISP != "" && !slices.Contains(own, r.ISP) && !slices.Contains(foreign, r.ISP) {
			foreign = append(foreign, r.ISP)
		}
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Client == client {
			continue
		}
		r.Site, r.Client, r.Own, r.Why, r.Err, r.Addr, r.Region = "", "", false, "", "", "", ""
		if n := slices.Index(foreign, r.ISP); n >= 0 {
			r.ISP = foreignISP
			if len(foreign) > 1 {
				r.ISP = fmt.Sprintf("%s (%d)", foreignISP, n+1)
			}
		}
	}
	return f
}

// isps are the ISPs of the sites of client, as far as they are known.
func (f Facts) isps(client string) []string {
	if client == "" {
		return nil
	}
	own := ispsIn(f.Rows, client)
	for _, st := range f.Sites {
		if st.Client == client && st.Network != "" {
			own = append(own, st.Network)
		}
	}
	return own
}

func ispsIn(rows []Row, client string) (own []string) {
	for _, r := range rows {
		if r.Client == client && r.ISP != "" {
			own = append(own, r.ISP)
		}
	}
	return own
}
