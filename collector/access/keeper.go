package access

// Keeper knows who may come in.
type Keeper struct{}
