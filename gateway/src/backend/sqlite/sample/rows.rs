//! The rows of the sample data, from the TPC-H generator.

use rusqlite::{Connection, Error, Params};
use tpchgen::decimal::TPCHDecimal;
use tpchgen::distribution::Distributions;
use tpchgen::generators as tpch;
use tpchgen::text::TextPool;

/// Scale factor: 60,175 line items.
pub(super) const SCALE: f64 = 0.01;
/// Bytes of the text that comments are cut from. Generating the default of 300 MiB takes seconds; with less,
/// comments repeat sooner, and nothing else depends on it.
const TEXT_POOL_BYTES: i32 = 1 << 20;

/// Writes every row of the eight tables.
pub(super) fn insert(connection: &Connection) -> Result<(), Error> {
    let words = Distributions::static_default();
    let text = TextPool::new(TEXT_POOL_BYTES, words);
    let tables = Tables { connection, words, text: &text };
    tables.regions_and_nations()?;
    tables.suppliers()?;
    tables.customers()?;
    tables.parts()?;
    tables.part_suppliers()?;
    tables.orders()?;
    tables.line_items()
}

struct Tables<'a> {
    connection: &'a Connection,
    words: &'a Distributions,
    text: &'a TextPool,
}

impl Tables<'_> {
    fn regions_and_nations(&self) -> Result<(), Error> {
        let regions = tpch::RegionGenerator::new_with_distributions_and_text_pool(self.words, self.text);
        self.fill("REGION", 3, regions.iter(), |r| (r.r_regionkey, r.r_name, r.r_comment))?;
        let nations = tpch::NationGenerator::new_with_distributions_and_text_pool(self.words, self.text);
        self.fill("NATION", 4, nations.iter(), |n| (n.n_nationkey, n.n_name, n.n_regionkey, n.n_comment))
    }

    fn suppliers(&self) -> Result<(), Error> {
        let generator =
            tpch::SupplierGenerator::new_with_distributions_and_text_pool(SCALE, 1, 1, self.words, self.text);
        self.fill("SUPPLIER", 7, generator.iter(), |s| {
            let name = s.s_name.to_string();
            let (address, phone) = (s.s_address.to_string(), s.s_phone.to_string());
            (s.s_suppkey, name, address, s.s_nationkey, phone, money(s.s_acctbal), s.s_comment)
        })
    }

    fn customers(&self) -> Result<(), Error> {
        let generator =
            tpch::CustomerGenerator::new_with_distributions_and_text_pool(SCALE, 1, 1, self.words, self.text);
        self.fill("CUSTOMER", 8, generator.iter(), |c| {
            let name = c.c_name.to_string();
            let (address, phone) = (c.c_address.to_string(), c.c_phone.to_string());
            (
                c.c_custkey,
                name,
                address,
                c.c_nationkey,
                phone,
                money(c.c_acctbal),
                c.c_mktsegment,
                c.c_comment,
            )
        })
    }

    fn parts(&self) -> Result<(), Error> {
        let generator =
            tpch::PartGenerator::new_with_distributions_and_text_pool(SCALE, 1, 1, self.words, self.text);
        self.fill("PART", 9, generator.iter(), |p| {
            let (name, maker, brand) = (p.p_name.to_string(), p.p_mfgr.to_string(), p.p_brand.to_string());
            let price = money(p.p_retailprice);
            (p.p_partkey, name, maker, brand, p.p_type, p.p_size, p.p_container, price, p.p_comment)
        })
    }

    fn part_suppliers(&self) -> Result<(), Error> {
        let generator = tpch::PartSuppGenerator::new_with_text_pool(SCALE, 1, 1, self.text);
        self.fill("PARTSUPP", 5, generator.iter(), |p| {
            (p.ps_partkey, p.ps_suppkey, p.ps_availqty, money(p.ps_supplycost), p.ps_comment)
        })
    }

    fn orders(&self) -> Result<(), Error> {
        let generator =
            tpch::OrderGenerator::new_with_distributions_and_text_pool(SCALE, 1, 1, self.words, self.text);
        self.fill("ORDERS", 9, generator.iter(), |o| {
            let (status, date, clerk) =
                (o.o_orderstatus.to_string(), o.o_orderdate.to_string(), o.o_clerk.to_string());
            let price = money(o.o_totalprice);
            (
                o.o_orderkey,
                o.o_custkey,
                status,
                price,
                date,
                o.o_orderpriority,
                clerk,
                o.o_shippriority,
                o.o_comment,
            )
        })
    }

    fn line_items(&self) -> Result<(), Error> {
        let generator =
            tpch::LineItemGenerator::new_with_distributions_and_text_pool(SCALE, 1, 1, self.words, self.text);
        self.fill("LINEITEM", 16, generator.iter(), |l| {
            (
                l.l_orderkey,
                l.l_partkey,
                l.l_suppkey,
                l.l_linenumber,
                l.l_quantity,
                money(l.l_extendedprice),
                money(l.l_discount),
                money(l.l_tax),
                l.l_returnflag,
                l.l_linestatus,
                l.l_shipdate.to_string(),
                l.l_commitdate.to_string(),
                l.l_receiptdate.to_string(),
                l.l_shipinstruct,
                l.l_shipmode,
                l.l_comment,
            )
        })
    }

    fn fill<R, P: Params>(
        &self,
        table: &str,
        columns: usize,
        rows: impl Iterator<Item = R>,
        values: impl Fn(R) -> P,
    ) -> Result<(), Error> {
        let marks = vec!["?"; columns].join(", ");
        let mut insert = self.connection.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
        for row in rows {
            insert.execute(values(row))?;
        }
        Ok(())
    }
}

/// Cents over a hundred, correctly rounded: the shortest text of that number is the amount with its two
/// digits.
fn money(amount: TPCHDecimal) -> f64 {
    amount.as_f64()
}
