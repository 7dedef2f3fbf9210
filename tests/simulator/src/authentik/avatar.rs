//! The pictures of users.

use base64::Engine as _;
use md5::{Digest, Md5};

use super::store::Row;

/// The picture with a user's initials, as authentik draws it: the colour is made from the name.
pub(crate) fn of(user: &Row) -> String {
    let name = user.text("name");
    let digest = Md5::digest(name.to_lowercase());
    let colour = digest.iter().fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte)) % 0xff_ffff;
    let channel = |shift: u32| ((colour >> shift) & 0xff).clamp(55, 200);
    let (red, green, blue) = (channel(16), channel(8), channel(0));
    let light = red * 299 + green * 587 + blue * 114 > 186_000;
    let text_colour = if light { "000" } else { "fff" };
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default();
    let initials: String = match words.next_back() {
        Some(last) => first.chars().take(1).chain(last.chars().take(1)).collect(),
        None => first.chars().take(2).collect(),
    };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64px\" height=\"64px\" viewBox=\"0 0 64 64\" version=\"1.1\">\
         <rect fill=\"#{red:02x}{green:02x}{blue:02x}\" cx=\"32\" cy=\"32\" width=\"64\" height=\"64\" r=\"32\"/>\
         <text x=\"50%\" y=\"50%\" style=\"color: #{text_colour}; line-height: 1; font-family: 'RedHatText','Overpass',\
         overpass,helvetica,arial,sans-serif; \" fill=\"#{text_colour}\" alignment-baseline=\"middle\" \
         dominant-baseline=\"middle\" text-anchor=\"middle\" font-size=\"28\" font-weight=\"400\" dy=\".1em\">{}</text></svg>",
        initials.to_uppercase()
    );
    format!("data:image/svg+xml;base64,{}", base64::engine::general_purpose::STANDARD.encode(svg))
}
