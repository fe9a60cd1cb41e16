//! Fields of a line that are properties, although they stand beside `event_properties` and
//! `user_properties` (docs/facts.md, "Event input in the wild").

/// A property that is a field of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropertyField {
    /// A property of the event.
    Event(&'static str),
    /// A user property, which the event sets.
    User(&'static str),
}

/// Returns the property that a key of the line is; `None` if the key is no property.
///
/// Exports and the HTTP API name two fields differently: the version of the app, and the address.
/// Both names are one property.
pub(super) fn property_field(key: &str) -> Option<PropertyField> {
    use PropertyField::{Event, User};
    Some(match key {
        "country" => User("country"),
        "region" => User("region"),
        "city" => User("city"),
        "dma" => User("dma"),
        "language" => User("language"),
        "platform" => User("platform"),
        "os_name" => User("os_name"),
        "os_version" => User("os_version"),
        "device_brand" => User("device_brand"),
        "device_manufacturer" => User("device_manufacturer"),
        "device_model" => User("device_model"),
        "device_family" => User("device_family"),
        "device_type" => User("device_type"),
        "carrier" => User("carrier"),
        "app_version" | "version_name" => User("app_version"),
        "start_version" => User("start_version"),
        "library" => User("library"),
        "paying" => User("paying"),
        "ip_address" | "ip" => User("ip_address"),
        "location_lat" => User("location_lat"),
        "location_lng" => User("location_lng"),
        "revenue" => Event("revenue"),
        "price" => Event("price"),
        "quantity" => Event("quantity"),
        "productId" => Event("productId"),
        "revenueType" => Event("revenueType"),
        "currency" => Event("currency"),
        "groups" => Event("groups"),
        "session_id" => Event("session_id"),
        _ => return None,
    })
}

/// Returns the name of the property that a field of a line is, if it is one.
///
/// ```
/// assert_eq!(muster_ingest::property_of_field("version_name"), Some("app_version"));
/// ```
#[must_use]
pub fn property_of_field(key: &str) -> Option<&'static str> {
    property_field(key).map(|field| match field {
        PropertyField::Event(name) | PropertyField::User(name) => name,
    })
}

/// The address with which SDKs ask the server to note the sender's. It is no address.
pub(super) const SENDERS_ADDRESS: &str = "$remote";
