//! The declaration of a rule.

/// Declares a rule: its cohort, its function, and all that it reads.
///
/// The sections come in this order; only the first two must be there.
///
/// ```
/// muster_rule::rule! {
///     // The cohort's id, and the function that decides.
///     cohort "example" when is_member;
///     // The user type, with the user properties at the time of the run. A property whose name
///     // is no Rust name has its name behind `=`.
///     user Reader { city: text, topics: texts, paid: flag, born: instant = "date of birth" }
///     // Streams: a method, a type of event, the names of events (`*` stands for any characters),
///     // how far back they are needed, and the event properties. `event_name` is the event's own
///     // name.
///     events views: View = "View" | "Open *" in_last(days(90)) {
///         seconds: number,
///         what: event_name,
///     }
///     // The changes of user properties.
///     history plans: text = "plan";
///     // Calendar windows, the current unit included.
///     calendar this_month = 1 month in "Europe/Berlin";
///     // Lists of users that the host keeps.
///     list staff = "staff";
///     // A stable hash of the user, for samples.
///     hash sample;
/// }
/// # use muster_rule::days;
///
/// fn is_member(user: &Reader) -> bool {
///     !user.staff()
///         && user.views().within(&user.this_month()).sum_of(|view| view.seconds()) > 600.0
///         && user.topics().contains("sport")
///         && user.plans().last().is_some_and(|change| change.value() == Some("pro"))
///         && user.sample() % 100 < 50
/// }
/// # fn main() {}
/// ```
///
/// The function takes the user type by reference and returns a `bool`. The user type has a method
/// for each property, stream, history, calendar, list and hash, and those of [`crate::Context`]. An
/// event has a method for each of its properties, and `time()`.
///
/// A name that was not declared does not compile:
///
/// ```compile_fail
/// muster_rule::rule! {
///     cohort "example" when is_member;
///     user Reader { city: text }
/// }
///
/// fn is_member(user: &Reader) -> bool {
///     user.country() == Some("NL")
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! rule {
    (
        cohort $id:literal when $decide:path;
        $(#[$about:meta])*
        user $User:ident { $( $property:ident : $kind:ident $(= $name:literal)? ),* $(,)? }
        $(
            events $stream:ident : $Event:ident = $($event:literal)|+ $(in_last($reach:expr))?
            { $( $column:ident : $columnkind:ident $(= $columnname:literal)? ),* $(,)? }
        )*
        $( history $history:ident : $historykind:ident $(= $historyname:literal)? ; )*
        $( calendar $calendar:ident = $count:literal $unit:ident in $zone:literal ; )*
        $( list $list:ident = $listname:literal ; )*
        $( hash $hash:ident ; )?
    ) => {
        $(#[$about])*
        #[derive(Debug)]
        struct $User<'a> {
            __context: $crate::Context<'a>,
            $( $property: <$crate::kind::$kind as $crate::kind::Kind>::Column<'a>, )*
            $( $stream: $crate::declared::Stream<'a, $Event<'a>>, )*
            $( $history: $crate::declared::Stream<'a, $crate::Change<'a, $crate::kind::$historykind>>, )*
            $( $calendar: $crate::declared::CalendarColumn<'a>, )*
            $( $list: &'a [u64], )*
            $( $hash: &'a [u64], )?
        }

        impl<'a> ::core::ops::Deref for $User<'a> {
            type Target = $crate::Context<'a>;

            fn deref(&self) -> &$crate::Context<'a> {
                &self.__context
            }
        }

        impl<'a> $User<'a> {
            $(
                #[inline]
                fn $property(&self) -> <$crate::kind::$kind as $crate::kind::Kind>::Value<'a> {
                    <$crate::kind::$kind as $crate::kind::Kind>::value(
                        self.$property,
                        self.__context.user(),
                    )
                }
            )*
            $(
                #[inline]
                fn $stream(&self) -> $crate::Events<'_, $Event<'a>> {
                    self.$stream.of(&self.__context)
                }
            )*
            $(
                #[inline]
                fn $history(
                    &self,
                ) -> $crate::Events<'_, $crate::Change<'a, $crate::kind::$historykind>> {
                    self.$history.of(&self.__context)
                }
            )*
            $(
                fn $calendar(&self) -> $crate::Calendar<'a> {
                    self.$calendar.of(&self.__context)
                }
            )*
            $(
                fn $list(&self) -> bool {
                    let user = self.__context.user();
                    self.$list[user / 64] >> (user % 64) & 1 == 1
                }
            )*
            $(
                fn $hash(&self) -> u64 {
                    self.$hash[self.__context.user()]
                }
            )?
        }

        $(
            /// An event of the stream.
            #[derive(Clone, Copy, Debug)]
            struct $Event<'a> {
                __times: &'a [i64],
                __row: usize,
                $( $column: <$crate::kind::$columnkind as $crate::kind::Kind>::Column<'a>, )*
            }

            impl<'a> $Event<'a> {
                /// Returns the time of the event.
                #[allow(dead_code, reason = "not every rule needs it")]
                #[inline]
                fn time(&self) -> $crate::Instant {
                    $crate::Instant(self.__times[self.__row])
                }

                $(
                    #[inline]
                    fn $column(
                        &self,
                    ) -> <$crate::kind::$columnkind as $crate::kind::Kind>::Value<'a> {
                        <$crate::kind::$columnkind as $crate::kind::Kind>::value(
                            self.$column,
                            self.__row,
                        )
                    }
                )*
            }

            impl $crate::Event for $Event<'_> {
                #[inline]
                fn at_row(self, row: usize) -> Self {
                    Self { __row: row, ..self }
                }
            }
        )*

        impl $crate::declared::Rule for $User<'_> {
            #[allow(unused_mut, reason = "not every rule declares every section")]
            fn describe() -> $crate::bindings::Description {
                use $crate::bindings::muster::cohort::types as contract;
                contract::Description {
                    cohorts: vec![$id.to_owned()],
                    user_properties: vec![
                        $( $crate::__property!($property : $kind $(= $name)?), )*
                    ],
                    property_histories: vec![
                        $( $crate::__property!($history : $historykind $(= $historyname)?), )*
                    ],
                    streams: vec![ $(
                        {
                            let mut reach = ::core::option::Option::None;
                            $( reach = ::core::option::Option::Some($reach.ms() as u64); )?
                            contract::StreamReads {
                                names: vec![ $( $event.to_owned() ),+ ],
                                properties: vec![
                                    $( $crate::__property!($column : $columnkind $(= $columnname)?), )*
                                ],
                                reach,
                            }
                        },
                    )* ],
                    calendars: vec![ $(
                        contract::Calendar {
                            time_zone: $zone.to_owned(),
                            unit: $crate::declared::unit::$unit,
                            count: ::core::option::Option::Some($count),
                        },
                    )* ],
                    user_hashes: {
                        let mut read = false;
                        $( read = !stringify!($hash).is_empty(); )?
                        read
                    },
                    lists: vec![ $( $listname.to_owned() ),* ],
                }
            }

            #[allow(unused_mut, unused_variables, reason = "not every rule declares every section")]
            fn classify(batch: &$crate::bindings::Batch) -> $crate::bindings::Verdicts {
                let texts = $crate::declared::texts(batch);
                let mut cursor = $crate::declared::Cursor::new(batch, &texts);
                let mut calendars = $crate::declared::CalendarColumn::iter(batch);
                let mut user = $User {
                    __context: $crate::Context::new(batch),
                    $( $property: cursor.property::<$crate::kind::$kind>(), )*
                    $(
                        $stream: cursor.stream(|mut rows| $Event {
                            __times: rows.times(),
                            __row: 0,
                            $( $column: rows.column::<$crate::kind::$columnkind>(), )*
                        }),
                    )*
                    $( $history: cursor.history($crate::Change::of), )*
                    $( $calendar: $crate::declared::CalendarColumn::next(&mut calendars), )*
                    $( $list: cursor.list(), )*
                    $( $hash: cursor.hashes(), )?
                };
                $crate::declared::classify(batch, |index| {
                    user.__context.begin(index);
                    let member: bool = $decide(&user);
                    (member, user.__context.until())
                })
            }
        }

        // Natively only tests ask the rule; this counts as a use for the compiler's warnings.
        const _: fn(&$crate::bindings::Batch) -> $crate::bindings::Verdicts =
            <$User<'_> as $crate::declared::Rule>::classify;

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Exported;

            impl $crate::bindings::Guest for Exported {
                fn describe() -> $crate::bindings::Description {
                    <$User<'_> as $crate::declared::Rule>::describe()
                }

                fn classify(
                    batch: $crate::bindings::Batch,
                ) -> ::core::result::Result<$crate::bindings::Verdicts, ::std::string::String> {
                    ::core::result::Result::Ok(
                        <$User<'_> as $crate::declared::Rule>::classify(&batch),
                    )
                }
            }

            $crate::bindings::export_bindings!(Exported with_types_in $crate::bindings);
        };
    };
}

/// A property of a declaration in the form of the contract.
#[doc(hidden)]
#[macro_export]
macro_rules! __property {
    ($name:ident : $kind:ident) => {
        $crate::__property!($name: $kind = stringify!($name))
    };
    ($field:ident : $kind:ident = $name:expr) => {
        $crate::bindings::muster::cohort::types::Property {
            name: <$crate::kind::$kind as $crate::kind::Kind>::NAME
                .unwrap_or($name)
                .to_owned(),
            kind: <$crate::kind::$kind as $crate::kind::Kind>::KIND,
        }
    };
}
