package snapshot

import (
	"encoding/json"

	"github.com/alb-project/terraform-provider-alb/internal/lbapi"
)

// The stored forms below stand where the API leaves a field out of an answer if it is empty. A store never does: in a
// record, null, zero and missing must not be the same, or a default could not be told from a value that a user gave.
// Each embeds the type of the API, whose fields it has otherwise, and hides the fields of which the stored form is
// another.

// storedBackendService is the stored form of a backend service.
type storedBackendService struct {
	lbapi.BackendService

	HealthCheck storedHealthCheck `json:"healthCheck"`
	// CheckingOff keeps the check without running it.
	CheckingOff bool `json:"checkingOff"`
}

type storedHealthCheck struct {
	lbapi.HealthCheck

	HTTPVersion lbapi.HTTPVersion `json:"httpVersion"`
	Domain      string            `json:"httpDomain"`
	Path        string            `json:"httpPath"`
	Codes       []string          `json:"httpCode"`
}

// storedServerGroup is the stored form of a server group.
type storedServerGroup struct {
	lbapi.ServerGroup

	Servers []storedServer `json:"targets"`
}

type storedServer struct {
	lbapi.Server

	InstanceID string `json:"instanceId"`
}

func decodeLoadBalancer(value []byte) (*lbapi.LoadBalancer, error) {
	object := lbapi.DefaultLoadBalancer()
	return &object, json.Unmarshal(value, &object)
}

func decodeListener(value []byte) (*lbapi.Listener, error) {
	var given struct {
		Protocol lbapi.Protocol `json:"protocol"`
	}
	if err := json.Unmarshal(value, &given); err != nil {
		return nil, err
	}
	object := lbapi.DefaultListener(given.Protocol)
	return &object, json.Unmarshal(value, &object)
}

func decodeBackendService(value []byte) (*lbapi.BackendService, error) {
	var given struct {
		HealthCheck struct {
			Protocol lbapi.Protocol `json:"protocol"`
		} `json:"healthCheck"`
	}
	if err := json.Unmarshal(value, &given); err != nil {
		return nil, err
	}
	stored := storedBackendService{BackendService: lbapi.DefaultBackendService()}
	if protocol := given.HealthCheck.Protocol; protocol != "" { // otherwise there never was a check
		stored.HealthCheck = storeHealthCheck(lbapi.DefaultHealthCheck(protocol))
	}
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	object, check := &stored.BackendService, &stored.HealthCheck
	object.HealthCheck = check.HealthCheck
	object.HealthCheck.HTTPVersion, object.HealthCheck.Domain = check.HTTPVersion, check.Domain
	object.HealthCheck.Path, object.HealthCheck.Codes = check.Path, check.Codes
	object.HealthCheck.Off = stored.CheckingOff
	return object, nil
}

func encodeBackendService(object *lbapi.BackendService) any {
	return storedBackendService{*object, storeHealthCheck(object.HealthCheck), object.HealthCheck.Off}
}

func storeHealthCheck(check lbapi.HealthCheck) storedHealthCheck {
	return storedHealthCheck{check, check.HTTPVersion, check.Domain, check.Path, check.Codes}
}

func decodeServerGroup(value []byte) (*lbapi.ServerGroup, error) {
	stored := storedServerGroup{ServerGroup: lbapi.DefaultServerGroup()}
	if err := json.Unmarshal(value, &stored); err != nil {
		return nil, err
	}
	object := &stored.ServerGroup
	object.Servers = make([]lbapi.Server, len(stored.Servers))
	for i, server := range stored.Servers {
		object.Servers[i] = server.Server
		object.Servers[i].InstanceID = server.InstanceID
	}
	return object, nil
}

func encodeServerGroup(object *lbapi.ServerGroup) any {
	stored := storedServerGroup{*object, make([]storedServer, len(object.Servers))}
	for i, server := range object.Servers {
		stored.Servers[i] = storedServer{server, server.InstanceID}
	}
	return stored
}
