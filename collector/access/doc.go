// Package access decides who may see and do what on the page and the API:
// users, roles, login sessions, API tokens, and the brakes on guessing.
package access
