package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"example.com/registrar/infra/local/cloud"
)

// site is one of the addresses of `make run`.
type site struct {
	what     string
	service  string // of AWS_ENDPOINT_URL_<service>, which names another engine; empty: the API, which is always this one
	handler  func(*cloud.Cloud) http.Handler
	listener net.Listener // nil: the environment names another engine
}

// sites are all of them, in the order of their ports.
func sites() []site {
	return []site{
		{what: "API and documentation (/docs)", handler: func(c *cloud.Cloud) http.Handler { return c.API }},
		{what: "DynamoDB", service: "DYNAMODB", handler: func(c *cloud.Cloud) http.Handler { return c.DynamoDB }},
		{what: "SQS", service: "SQS", handler: func(c *cloud.Cloud) http.Handler { return c.SQS }},
		{what: "S3", service: "S3", handler: func(c *cloud.Cloud) http.Handler { return c.S3 }},
		{what: "SES and mailbox page", service: "SESV2", handler: func(c *cloud.Cloud) http.Handler { return c.SES }},
	}
}

// place is where the sites are: the first one's port is port, and the others follow it.
type place struct {
	host string
	port int
}

const lastPort = 65535

func placeFrom(getenv func(string) string) (place, error) {
	p := place{host: or(getenv("HOST"), "127.0.0.1")}
	var err error
	p.port, err = strconv.Atoi(or(getenv("PORT"), "8080"))
	if highest := lastPort - len(sites()) + 1; err != nil || p.port < 1 || p.port > highest {
		return p, fmt.Errorf("PORT is %q: it must be a number from 1 to %d", getenv("PORT"), highest)
	}
	return p, nil
}

// listens is the address that a site listens at.
func (p place) listens(n int) string { return net.JoinHostPort(p.host, strconv.Itoa(p.port+n)) }

// reached is the address by which this machine reaches a site.
func (p place) reached(n int) string {
	return "http://" + net.JoinHostPort(reachable(p.host), strconv.Itoa(p.port+n))
}

// listen takes the ports of all sites, or of none. It comes before everything that another `make run` could have in
// use: who has the ports may go on.
func (p place) listen(ctx context.Context, getenv func(string) string) (_ []site, err error) {
	all := sites()
	for n := range all {
		if all[n].service != "" && getenv("AWS_ENDPOINT_URL_"+all[n].service) != "" {
			continue
		}
		if all[n].listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", p.listens(n)); err != nil {
			closeAll(all)
			return nil, p.explain(ctx, n, all[n].what, err)
		}
	}
	return all, nil
}

func closeAll(sites []site) {
	for _, s := range sites {
		if s.listener != nil {
			_ = s.listener.Close() // again, if its server has closed it
		}
	}
}

// explain tells why a site cannot listen, and what to do.
func (p place) explain(ctx context.Context, n int, what string, err error) error {
	const privileged = 1024
	port := p.port + n
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		instead := "another PORT"
		if free, ok := p.free(ctx); ok {
			instead = fmt.Sprintf("PORT=%d make run", free)
		}
		if other, ok := p.registrarAround(ctx, port); ok {
			return fmt.Errorf("port %d is taken by another Registrar, on ports %d to %d. Use that one (%s), or stop it with "+
				"Ctrl-C in its terminal, or run a second one beside it: %s",
				port, other.port, other.port+len(sites())-1, other.reached(0), instead)
		}
		return fmt.Errorf("port %d (%s) is taken by another program; `lsof -i :%d` shows which. Stop it, or use other "+
			"ports: %s", port, what, port, instead)
	case errors.Is(err, syscall.EACCES) && port < privileged:
		return fmt.Errorf("port %d (%s): only the superuser may listen on ports below %d; leave out PORT for 8080: %w",
			port, what, privileged, err)
	}
	return fmt.Errorf("port %d (%s), HOST=%s: HOST must be an address of this machine: %w", port, what, p.host, err)
}

// registrarAround finds the `make run` that has a port as one of its own.
func (p place) registrarAround(ctx context.Context, port int) (place, bool) {
	for n := range sites() {
		if other := (place{p.host, port - n}); other.port > 0 && isRegistrar(ctx, other.reached(0)) {
			return other, true
		}
	}
	return place{}, false
}

// isRegistrar reports whether Registrar's API answers at an address: its root says so.
func isRegistrar(ctx context.Context, address string) bool {
	const patience = time.Second // a program may listen and never answer
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var root struct{ Name string }
	return json.NewDecoder(answer.Body).Decode(&root) == nil && root.Name == "Registrar"
}

// free finds ports for all sites, some way up.
func (p place) free(ctx context.Context) (port int, ok bool) {
	const step, tries = 10, 20
next:
	for other := (place{p.host, p.port + step}); other.port <= p.port+step*tries; other.port += step {
		for n := range sites() {
			if other.port+n > lastPort {
				return 0, false
			}
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", other.listens(n))
			if err != nil {
				continue next
			}
			_ = l.Close() // it was only tried
		}
		return other.port, true
	}
	return 0, false
}
