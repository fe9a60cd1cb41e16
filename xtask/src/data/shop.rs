//! Simulates the users of the shop. Each user has a place, a plan and a cart, comes in sessions,
//! and proceeds from browsing to buying.

use super::line::Object;
use super::random::{UserActivity, Xoshiro, mixed};
use super::{DataSettings, MINUTE, UserState};

/// The fate of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The line is written in its place.
    OnTime,
    /// The line is sent twice.
    Double,
    /// The line arrives with a later file.
    Late,
}

/// The idle time after which a session ends: half an hour, by the vendor's rule.
const SESSION: i64 = 30 * MINUTE;
/// The approximate time from one event of a session to the next: two minutes.
const PAUSE: i64 = 2 * MINUTE;

pub(super) struct Shop {
    random: Xoshiro,
    activity: UserActivity,
    users: Vec<ShopUser>,
    /// The users in a session; three of four events are theirs.
    present: Vec<u32>,
    state: UserState,
    sequence: u64,
    event_properties: Vec<u8>,
    user_properties: Vec<u8>,
}

#[derive(Clone, Default)]
struct ShopUser {
    city: u8,
    plan: u8,
    animal: u8,
    verified: bool,
    /// Set for the few users who come to buy: three of twenty.
    buyer: bool,
    known: bool,
    properties_set: bool,
    last: i64,
    session: i64,
    events: u32,
    step: FunnelStep,
    cart: u32,
    paid: u32,
    refundable: bool,
}

/// The step of a user on the way to a purchase.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum FunnelStep {
    #[default]
    Browsing,
    Cart,
    Checkout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Signup,
    Login,
    Logout,
    AppOpened,
    CategoryViewed,
    ViewItem,
    Search,
    WishlistAdded,
    SharedItem,
    AddToCart,
    RemoveFromCart,
    CouponApplied,
    StartCheckout,
    PaymentFailed,
    Purchase,
    Refund,
    ReviewWritten,
    NewsletterOpened,
    PushReceived,
    SupportTicket,
    Identify,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Signup => "Signup",
            Self::Login => "Login",
            Self::Logout => "Logout",
            Self::AppOpened => "App Opened",
            Self::CategoryViewed => "Category Viewed",
            Self::ViewItem => "View Item",
            Self::Search => "Search",
            Self::WishlistAdded => "Wishlist Added",
            Self::SharedItem => "Shared Item",
            Self::AddToCart => "Add To Cart",
            Self::RemoveFromCart => "Remove From Cart",
            Self::CouponApplied => "Coupon Applied",
            Self::StartCheckout => "Start Checkout",
            Self::PaymentFailed => "Payment Failed",
            Self::Purchase => "Purchase",
            Self::Refund => "Refund",
            Self::ReviewWritten => "Review Written",
            Self::NewsletterOpened => "Newsletter Opened",
            Self::PushReceived => "Push Received",
            Self::SupportTicket => "Support Ticket",
            Self::Identify => "$identify",
        }
    }
}

/// The next actions of a user by weight: while browsing, with something in the cart, at the
/// checkout.
const BROWSING: [(Name, u32); 14] = [
    (Name::ViewItem, 330),
    (Name::Search, 130),
    (Name::CategoryViewed, 90),
    (Name::AddToCart, 100),
    (Name::AppOpened, 70),
    (Name::Login, 60),
    (Name::Logout, 25),
    (Name::NewsletterOpened, 45),
    (Name::PushReceived, 40),
    (Name::WishlistAdded, 30),
    (Name::SharedItem, 15),
    (Name::Identify, 35),
    (Name::Refund, 15),
    (Name::SupportTicket, 12),
];
const CART: [(Name, u32); 9] = [
    (Name::ViewItem, 250),
    (Name::Search, 60),
    (Name::AddToCart, 120),
    (Name::RemoveFromCart, 60),
    (Name::CouponApplied, 40),
    (Name::StartCheckout, 70),
    (Name::NewsletterOpened, 25),
    (Name::Identify, 25),
    (Name::SupportTicket, 5),
];
const CHECKOUT: [(Name, u32); 5] = [
    (Name::Purchase, 550),
    (Name::PaymentFailed, 60),
    (Name::RemoveFromCart, 80),
    (Name::CouponApplied, 60),
    (Name::ViewItem, 250),
];
const BROWSING_OF_A_BUYER: [(Name, u32); 7] = [
    (Name::ViewItem, 280),
    (Name::Search, 80),
    (Name::AddToCart, 520),
    (Name::AppOpened, 90),
    (Name::Login, 60),
    (Name::Identify, 40),
    (Name::Refund, 30),
];
const CART_OF_A_BUYER: [(Name, u32); 4] = [
    (Name::ViewItem, 130),
    (Name::AddToCart, 130),
    (Name::CouponApplied, 40),
    (Name::StartCheckout, 600),
];
const CHECKOUT_OF_A_BUYER: [(Name, u32); 3] = [
    (Name::Purchase, 850),
    (Name::PaymentFailed, 50),
    (Name::CouponApplied, 100),
];

const CITIES: [(&str, u32); 12] = [
    ("Seattle", 550),
    ("Portland", 120),
    ("San Francisco", 110),
    ("Los Angeles", 90),
    ("Vancouver", 80),
    ("New York", 70),
    ("Chicago", 60),
    ("London", 50),
    ("Zürich", 40),
    ("São Paulo", 35),
    ("東京", 25),
    ("Sydney", 20),
];
const PLANS: [&str; 4] = ["free", "plus", "pro", "team"];
const ANIMALS: [&str; 7] = ["Bat", "Cat", "Dog", "Otter", "Owl", "Red Panda", "Whale"];
const CATEGORIES: [&str; 8] = [
    "books", "garden", "kitchen", "music", "outdoor", "shoes", "tools", "toys",
];
const CURRENCIES: [(&str, u32); 3] = [("USD", 80), ("EUR", 15), ("JPY", 5)];
const COUPONS: [&str; 4] = ["WELCOME10", "SPRING", "FREESHIP", "FRIENDS20"];
const QUERIES: [&str; 6] = [
    "red shoes",
    "tent for two",
    "\"exactly this\"",
    "garden hose",
    "vinyl",
    "gift",
];
const TAGS: [&str; 5] = ["vip", "beta", "wholesale", "do_not_call", "press"];
const TOPICS: [&str; 4] = ["delivery", "payment", "quality", "account"];

impl Shop {
    pub(super) fn new(settings: &DataSettings) -> Self {
        let mut random = Xoshiro::new(settings.seed);
        let activity = UserActivity::new(settings.users, settings.skew, &mut random);
        let cities: [(u8, u32); 12] = std::array::from_fn(|city| {
            let weight = CITIES.get(city).map_or(0, |(_, weight)| *weight);
            (city as u8, weight)
        });
        let users = (0..settings.users)
            .map(|_| ShopUser {
                city: random.weighted(&cities, 0),
                plan: random.weighted(&[(0, 60), (1, 22), (2, 13), (3, 5)], 0),
                animal: random.below(ANIMALS.len() as u32) as u8,
                verified: random.per_mille(700),
                buyer: random.per_mille(150),
                ..ShopUser::default()
            })
            .collect();
        // As many users are in the shop that each acts about every PAUSE, but never fewer than two.
        let span = i64::from(settings.days) * super::DAY;
        let present = (settings.events as i64).saturating_mul(PAUSE) / span;
        let present = present.clamp(2, i64::from(settings.users.max(2))) as usize;
        let present = (0..present).map(|_| activity.draw(&mut random)).collect();
        Self {
            random,
            activity,
            users,
            present,
            state: settings.user_state,
            sequence: 0,
            event_properties: Vec::new(),
            user_properties: Vec::new(),
        }
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    /// Writes the line of the `nth` of `count` events in the span that begins at `begin`.
    pub(super) fn next_line(
        &mut self,
        begin: i64,
        span: i64,
        nth: u64,
        count: u64,
        out: &mut Vec<u8>,
    ) -> Fate {
        // The events are in order of time, one in each of `count` equal parts of the span.
        let part = (nth as f64 + self.random.unit()) / count as f64;
        let time = begin + (part * span as f64) as i64;
        let id = self.random_user();
        self.sequence += 1;
        let fate = match self.random.below(1000) {
            0..=2 => Fate::Double,
            3..=7 => Fate::Late,
            _ => Fate::OnTime,
        };
        let delay = match fate {
            Fate::Late => i64::from(self.random.below(2 * super::DAY as u32)) + super::DAY,
            _ => i64::from(self.random.below(5_000)) + 300,
        };
        let anonymous = self.random.per_mille(8);

        let Some(user) = self.users.get_mut(id as usize) else {
            return Fate::OnTime;
        };
        if time - user.last > SESSION || user.session == 0 {
            user.session = time;
            user.properties_set = false;
        }
        user.last = time;
        user.events += 1;
        let name = user.next(&mut self.random);
        self.event_properties.clear();
        self.user_properties.clear();
        user.event_properties(name, &mut self.random, &mut self.event_properties);
        let with_state = !anonymous && (self.state == UserState::Event || !user.properties_set);
        user.user_properties(
            name,
            with_state,
            &mut self.random,
            &mut self.user_properties,
        );

        let (sequence, spread) = (self.sequence, mixed(self.sequence) >> 48);
        let device = (mixed(u64::from(id)) >> 32) as u32;
        Object::write(out, |line| {
            line.format("$insert_id", format_args!("{sequence:08x}-{spread:04x}"));
            line.format(
                "uuid",
                format_args!("00000000-0000-4000-8000-{sequence:012x}"),
            );
            match (anonymous, spread % 3) {
                (false, _) => line.format("user_id", format_args!("user{id}@shop.example")),
                (true, 0) => line.null("user_id"),
                (true, 1) => line.text("user_id", ""),
                (true, _) => {}
            }
            line.format("device_id", format_args!("{device:08x}R"));
            line.text("event_type", name.text());
            line.instant("event_time", time);
            line.whole("event_id", i64::from(user.events));
            line.whole("session_id", user.session);
            line.key("event_properties")
                .extend_from_slice(&self.event_properties);
            line.key("user_properties")
                .extend_from_slice(&self.user_properties);
            line.instant("server_upload_time", time + delay);
        });
        out.push(b'\n');
        fate
    }

    fn random_user(&mut self) -> u32 {
        let slot = self.random.below(self.present.len() as u32) as usize;
        let back = self.random.per_mille(750);
        match self.present.get_mut(slot) {
            Some(user) if back => *user,
            Some(user) => {
                *user = self.activity.draw(&mut self.random);
                *user
            }
            None => 0,
        }
    }
}

impl ShopUser {
    /// Returns the next action of the user, and moves the user to the next step.
    fn next(&mut self, random: &mut Xoshiro) -> Name {
        if !self.known {
            self.known = true;
            if random.per_mille(600) {
                return Name::Signup;
            }
        }
        let name = match self.step {
            FunnelStep::Browsing if self.buyer => {
                random.weighted(&BROWSING_OF_A_BUYER, Name::ViewItem)
            }
            FunnelStep::Cart if self.buyer => random.weighted(&CART_OF_A_BUYER, Name::ViewItem),
            FunnelStep::Browsing => random.weighted(&BROWSING, Name::ViewItem),
            FunnelStep::Cart => random.weighted(&CART, Name::ViewItem),
            FunnelStep::Checkout if self.buyer => {
                random.weighted(&CHECKOUT_OF_A_BUYER, Name::ViewItem)
            }
            FunnelStep::Checkout => random.weighted(&CHECKOUT, Name::ViewItem),
        };
        match name {
            Name::AddToCart => {
                if self.step == FunnelStep::Browsing {
                    self.cart += 1;
                }
                self.step = FunnelStep::Cart;
            }
            Name::StartCheckout => self.step = FunnelStep::Checkout,
            Name::RemoveFromCart | Name::Purchase => self.step = FunnelStep::Browsing,
            // Only a paid purchase can be refunded, and only once; a user without one writes a
            // review instead.
            Name::Refund if !self.refundable => return Name::ReviewWritten,
            _ => {}
        }
        name
    }

    fn event_properties(&mut self, name: Name, random: &mut Xoshiro, out: &mut Vec<u8>) {
        Object::write(out, |object| match name {
            Name::Search => {
                object.text("query", random.one_of(&QUERIES, "gift"));
                object.whole("results", i64::from(random.below(80)));
            }
            Name::CategoryViewed => object.text("category", random.one_of(&CATEGORIES, "books")),
            Name::ViewItem | Name::WishlistAdded | Name::SharedItem => {
                let item = random.below(400);
                object.format("item_id", format_args!("sku-{item}"));
                object.text("category", category(item));
                object.money("price", price(item));
                if random.per_mille(300) {
                    object.flag("on_sale", random.per_mille(500));
                }
            }
            Name::AddToCart | Name::RemoveFromCart => {
                let item = random.below(400);
                object.format("cart_id", format_args!("c{}", self.cart));
                object.format("item_id", format_args!("sku-{item}"));
                object.money("price", price(item));
                object.whole("quantity", 1 + i64::from(random.below(3)));
            }
            Name::CouponApplied => {
                object.format("cart_id", format_args!("c{}", self.cart));
                object.text("coupon", random.one_of(&COUPONS, "SPRING"));
            }
            Name::StartCheckout => object.format("cart_id", format_args!("c{}", self.cart)),
            Name::PaymentFailed => {
                object.format("cart_id", format_args!("c{}", self.cart));
                object.text(
                    "reason",
                    random.one_of(&["declined", "timeout"], "declined"),
                );
            }
            Name::Purchase => self.purchase(random, object),
            Name::Refund => {
                self.refundable = false;
                let part = if random.per_mille(700) { 1 } else { 2 };
                object.money("amount", self.paid / part);
                object.format("cart_id", format_args!("c{}", self.cart));
            }
            Name::ReviewWritten => {
                object.whole("stars", 1 + i64::from(random.below(5)));
                object.text("category", random.one_of(&CATEGORIES, "books"));
            }
            Name::NewsletterOpened => {
                object.format("issue", format_args!("2026-{:02}", 1 + random.below(12)));
            }
            Name::SupportTicket => {
                object.text("topic", random.one_of(&TOPICS, "delivery"));
                object.text(
                    "priority",
                    random.weighted(&[("low", 5), ("normal", 3), ("high", 2)], "low"),
                );
            }
            Name::Login | Name::AppOpened => {
                object.text(
                    "platform",
                    random.weighted(&[("web", 5), ("ios", 3), ("android", 2)], "web"),
                );
            }
            Name::Signup => object.text(
                "channel",
                random.one_of(&["organic", "ads", "friend"], "ads"),
            ),
            Name::Logout | Name::PushReceived | Name::Identify => {}
        });
    }

    fn purchase(&mut self, random: &mut Xoshiro, object: &mut Object<'_>) {
        let share = random.unit();
        // Two of three purchases are above 50; the most expensive cost 270.
        self.paid = 1999 + (share * share * 25_000.0) as u32;
        if random.per_mille(200) {
            self.paid = (self.paid / 1000 + 1) * 1000;
        }
        self.refundable = true;
        if random.per_mille(20) {
            object.money_text("amount", self.paid);
        } else {
            object.money("amount", self.paid);
        }
        object.text("currency", random.weighted(&CURRENCIES, "USD"));
        object.text("category", random.one_of(&CATEGORIES, "books"));
        object.format("cart_id", format_args!("c{}", self.cart));
        match random.below(100) {
            0..=24 => object.text("coupon", random.one_of(&COUPONS, "SPRING")),
            25..=39 => object.null("coupon"),
            _ => {}
        }
        let first = random.below(CATEGORIES.len() as u32) as usize;
        let count = 1 + random.below(3) as usize;
        object.texts(
            "categories",
            CATEGORIES.iter().cycle().skip(first).take(count).copied(),
        );
        if random.per_mille(400) {
            let express = random.per_mille(300);
            object.object("shipping", |shipping| {
                shipping.text("method", if express { "express" } else { "standard" });
                shipping.whole("days", if express { 1 } else { 4 });
            });
        }
    }

    fn user_properties(
        &mut self,
        name: Name,
        with_state: bool,
        random: &mut Xoshiro,
        out: &mut Vec<u8>,
    ) {
        if name == Name::Identify {
            return Object::write(out, |object| self.identify(random, object));
        }
        // Now and then a user moves, or confirms the address.
        if random.per_mille(2) {
            self.city = random.below(CITIES.len() as u32) as u8;
            self.properties_set = false;
        }
        if !self.verified && random.per_mille(10) {
            self.verified = true;
            self.properties_set = false;
        }
        Object::write(out, |object| {
            if !with_state {
                return;
            }
            self.properties_set = true;
            object.text(
                "city",
                CITIES.get(usize::from(self.city)).map_or("", |city| city.0),
            );
            object.text(
                "plan",
                PLANS.get(usize::from(self.plan)).copied().unwrap_or("free"),
            );
            match random.per_mille(30) {
                true => object.null("fav_animal"),
                false => object.text(
                    "fav_animal",
                    ANIMALS
                        .get(usize::from(self.animal))
                        .copied()
                        .unwrap_or("Bat"),
                ),
            }
            object.flag("email_verified", self.verified);
        });
    }

    /// Writes the contents of `$identify`: mostly one operation, never two on one property.
    fn identify(&mut self, random: &mut Xoshiro, object: &mut Object<'_>) {
        let tag = random.one_of(&TAGS, "beta");
        match random.below(100) {
            0..=24 => object.object("$add", |add| {
                add.whole("visits", 1 + i64::from(random.below(3)));
            }),
            25..=39 => {
                self.plan = random.below(PLANS.len() as u32) as u8;
                let plan = PLANS.get(usize::from(self.plan)).copied().unwrap_or("free");
                object.object("$set", |set| set.text("plan", plan));
            }
            40..=51 => object.object("$setOnce", |once| {
                once.text(
                    "referrer",
                    random.one_of(&["ads", "friend", "search"], "ads"),
                );
            }),
            52..=66 => object.object("$append", |append| append.text("tags", tag)),
            67..=71 => object.object("$prepend", |prepend| prepend.texts("tags", ["press", tag])),
            72..=77 => object.object("$postInsert", |insert| insert.text("tags", tag)),
            78..=80 => object.object("$preInsert", |insert| insert.text("tags", tag)),
            81..=88 => object.object("$remove", |remove| remove.text("tags", tag)),
            89..=93 => object.object("$unset", |unset| unset.text("referrer", "-")),
            94..=98 => {
                object.object("$set", |set| {
                    set.object("address", |address| address.text("country", "US"));
                });
                object.object("$add", |add| add.whole("visits", 1));
            }
            _ => {
                self.properties_set = false;
                object.text("$clearAll", "-");
            }
        }
    }
}

fn category(item: u32) -> &'static str {
    CATEGORIES
        .get(item as usize % CATEGORIES.len())
        .copied()
        .unwrap_or("books")
}

fn price(item: u32) -> u32 {
    399 + (mixed(u64::from(item)) % 200) as u32 * 50
}
