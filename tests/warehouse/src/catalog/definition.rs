//! `GET_DDL`: the statement that would make a relation.

use super::{Relation, RelationKind, spelled};

/// The definition of `relation`, called `name`.
pub(crate) fn definition(name: &str, relation: &Relation) -> String {
    if let RelationKind::View(text) = &relation.kind {
        return text.clone();
    }
    let columns: Vec<String> = relation
        .columns
        .iter()
        .map(|column| {
            let not_null = if column.nullable { "" } else { " NOT NULL" };
            format!("\t{} {}{not_null}", spelled(&column.name), column.data_type)
        })
        .collect();
    let keys: Vec<String> =
        relation.columns.iter().filter(|column| column.key).map(|column| spelled(&column.name)).collect();
    let key = if keys.is_empty() { String::new() } else { format!(",\n\tprimary key ({})", keys.join(", ")) };
    let temporary = if relation.kind == RelationKind::Temporary { "TEMPORARY " } else { "" };
    format!("create or replace {temporary}TABLE {} (\n{}{key}\n);", spelled(name), columns.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ColumnDefinition;

    #[test]
    fn a_table_is_defined_by_its_columns() {
        let id = ColumnDefinition::new("ID", "NUMBER(38,0)").as_key();
        let table = Relation::table(vec![id, ColumnDefinition::new("a b", "VARCHAR(16777216)")], Vec::new());
        let text = definition("T", &table);
        assert_eq!(
            text,
            "create or replace TABLE T (\n\tID NUMBER(38,0) NOT NULL,\n\t\"a b\" VARCHAR(16777216),\n\tprimary key (ID)\n);"
        );
    }
}
