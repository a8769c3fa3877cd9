package web

import "net/http"

// askRoutes adds the pages check, targets and fleet, and what their forms and charts ask.
func (s *Server) askRoutes(mux *http.ServeMux) {}
