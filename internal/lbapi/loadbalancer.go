package lbapi

// LoadBalancer is a virtual IP address and everything that listens on it.
type LoadBalancer struct {
	ID               string    `json:"loadBalancerId"`
	Name             string    `json:"loadBalancerName"`
	Type             string    `json:"type"`
	SubnetID         string    `json:"subnetId"`
	Zones            []string  `json:"azs"`
	PrivateIP        PrivateIP `json:"privateIp"`
	Description      string    `json:"description"`
	DeleteProtection bool      `json:"deleteProtection"`
	CreatedTime      string    `json:"createdTime"`
}

// DefaultLoadBalancer is a load balancer with every optional field at its default.
func DefaultLoadBalancer() LoadBalancer {
	return LoadBalancer{Type: LoadBalancerType, Zones: []string{}}
}

// FieldDeleteProtection is the field that a refusal to delete names when protection is the reason. Unlike an object in use,
// it does not come free by waiting.
const FieldDeleteProtection = "deleteProtection"

// PrivateIP is the address part of a load balancer.
type PrivateIP struct {
	// Address is the VIP on which the listeners of the load balancer bind.
	Address string `json:"privateIpAddress"`
}

// CreateLoadBalancer is the body of a creation; a nil field was not given.
type CreateLoadBalancer struct {
	Name             *string  `json:"loadBalancerName,omitempty"`
	SubnetID         *string  `json:"subnetId,omitempty"`
	Zones            []string `json:"azs,omitempty"`
	Type             *string  `json:"type,omitempty"`
	PrivateIPAddress *string  `json:"privateIpAddress,omitempty"`
	Description      *string  `json:"description,omitempty"`
	DeleteProtection *bool    `json:"deleteProtection,omitempty"`
}

// PatchLoadBalancer is the body of a change; a nil field stays as it is.
type PatchLoadBalancer struct {
	Name             *string `json:"loadBalancerName,omitempty"`
	Description      *string `json:"description,omitempty"`
	DeleteProtection *bool   `json:"deleteProtection,omitempty"`
}

// Violations returns what in the load balancer breaks the rule table.
func (l *LoadBalancer) Violations() []Detail {
	var found findings
	found.name("loadBalancerName", l.Name)
	found.description("description", l.Description)
	return found
}

// Quota is how many objects of a kind there are, and may be.
type Quota struct {
	Used  int `json:"used"`
	Limit int `json:"limit"`
}

// LoadBalancerQuotas are the quotas of the objects on one load balancer.
type LoadBalancerQuotas struct {
	Listeners       Quota `json:"listeners"`
	BackendServices Quota `json:"backends"`
	ServerGroups    Quota `json:"targetGroups"`
	// ServersPerGroup is how many servers each server group may have.
	ServersPerGroup int `json:"targetsPerGroup"`
}

// Results of the calls on load balancers.
type (
	// LoadBalancerCreated answers a creation.
	LoadBalancerCreated struct {
		ID string `json:"loadBalancerId"`
	}
	// LoadBalancerResult answers a read.
	LoadBalancerResult struct {
		LoadBalancer LoadBalancer `json:"loadBalancer"`
		// Quotas is an addition of lbserver.
		Quotas *LoadBalancerQuotas `json:"quotas,omitempty"`
	}
	// LoadBalancerList answers a listing; TotalCount counts over all pages.
	LoadBalancerList struct {
		LoadBalancers []LoadBalancer `json:"loadBalancers"`
		TotalCount    int            `json:"totalCount"`
		// Quota is an addition of lbserver: the load balancers on this server, whatever the filters.
		Quota *Quota `json:"quota,omitempty"`
	}
)
