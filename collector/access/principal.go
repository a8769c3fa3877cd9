package access

// Role is what a user is. The texts are stored.
type Role string

// The roles, from the strongest.
const (
	Admin      Role = "admin"      // everything, users and revocation too
	Technician Role = "technician" // looks at everything, checks, enrols agents
	Viewer     Role = "viewer"     // one client's people: look at their own client
)

// Action is something that a role may or may not do.
type Action string

// The actions.
const (
	Look   Action = "look"   // read pages, API, events
	Check  Action = "check"  // have sites probe a listed target now
	Probe  Action = "probe"  // have sites probe any URL or host
	Enrol  Action = "enrol"  // make join tokens
	Revoke Action = "revoke" // end an agent's membership
	Manage Action = "manage" // users, API tokens, the audit trail
	// Approve decides about machines that asked to join with a tenant's token, and
	// sees who they are.
	Approve Action = "approve"
	Drill   Action = "drill" // play an outage
	// Handle takes incidents on and mutes alerts; it is for people, who log in.
	Handle Action = "handle"
)

// Principal is who asks. The zero value may do nothing and sees nothing.
type Principal struct {
	// Name is the user's name; "operator" on the operator's socket, "local" on an
	// open loopback page. It stands in the audit trail.
	Name string
	Role Role
	// Client is the only client that a viewer sees; "" for the other roles.
	Client string
	// Via is how the request proved itself: "session", "token", "socket", "open".
	Via string
	// Session identifies the login session (not the cookie); "" without one.
	Session string
	// CSRF must come with every form of the session; "" without one.
	CSRF string
}

// May says whether p may do a.
func (p Principal) May(a Action) bool {
	switch p.Role {
	case Admin:
		return true
	case Technician:
		return a == Look || a == Check || a == Probe || a == Enrol || a == Drill || a == Handle
	case Viewer:
		return p.Client != "" && (a == Look || a == Check)
	}
	return false
}

// Sees says whether p may know of this client's sites, agents and private
// targets. "" is what belongs to nobody in particular.
func (p Principal) Sees(client string) bool {
	switch p.Role {
	case Admin, Technician:
		return true
	case Viewer:
		return client == "" || client == p.Client
	}
	return false
}
