//go:build !linux

package agent

// machineLeaves knows nothing here: the service manager tells by the cause of
// the context ([Leaving]).
func machineLeaves() string { return "" }
